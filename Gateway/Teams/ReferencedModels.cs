using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Teams;

/// <summary>What a body mentions that a team's rights judge.</summary>
internal static class ReferencedModels
{
    /// <summary>Every model named anywhere, earlier duplicates included, each as written.</summary>
    public static IReadOnlyList<string> Names(BodyFacts facts)
    {
        var names = new string[facts.Models.Count];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = facts.Models[i].Text;
        }

        return names;
    }

    /// <summary>
    /// Every <c>preset</c> member that is not null, earlier duplicates included: its text, or null for one that is no string.
    /// </summary>
    /// <param name="facts">What the scan of the body found.</param>
    /// <param name="body">The body itself.</param>
    public static IReadOnlyList<string?> Presets(BodyFacts facts, in ReadOnlySequence<byte> body)
    {
        List<string?>? presets = null;
        foreach (var member in facts.Members)
        {
            if (member.Name == BodyMemberName.Preset && member.Kind != JsonValueKind.Null)
            {
                (presets ??= []).Add(
                    member.Kind == JsonValueKind.String ? Text(body.Slice(member.Value.Start, member.Value.Length)) : null);
            }
        }

        return presets ?? (IReadOnlyList<string?>)[];
    }

    private static string? Text(in ReadOnlySequence<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() ? reader.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: the name of nothing that could be allowed.
            return null;
        }
    }
}
