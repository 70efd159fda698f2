using System.Text;

namespace Gateway.Metering;

/// <summary>The response header in which OpenRouter sends the id of a generation (its streaming guide).</summary>
internal static class GenerationIdHeader
{
    public const string Name = "X-Generation-Id";

    private static ReadOnlySpan<byte> IdPrefix => "gen-"u8;

    // OpenRouter's ids have about forty characters.
    private const int LongestId = 200;

    /// <summary>The id, the first one if a proxy has repeated the header; <see langword="null"/> if the response has none.</summary>
    public static string? Of(HttpResponseMessage response)
    {
        if (response.Headers.NonValidated.TryGetValues(Name, out var ids))
        {
            foreach (var id in ids)
            {
                if (id.Length > 0)
                {
                    return id.Length <= LongestId ? id : null;
                }
            }
        }

        return null;
    }

    /// <summary>Whether an <c>id</c> in a body names a generation: it has the prefix of OpenRouter's generation ids.</summary>
    public static bool IsGeneration(string? id) => id is not null && Ascii.Equals(IdPrefix, id.AsSpan(0, Math.Min(IdPrefix.Length, id.Length)));

    /// <inheritdoc cref="IsGeneration(string?)" />
    public static bool IsGeneration(ReadOnlySpan<byte> id) => id.StartsWith(IdPrefix);

    /// <summary>Adds an id that the body has named, unless it is another id than a generation's.</summary>
    public static void Add(HttpResponseMessage response, string? id)
    {
        if (IsGeneration(id))
        {
            response.Headers.TryAddWithoutValidation(Name, id);
        }
    }
}
