using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Primitives;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Admission;

/// <summary>
/// Scopes sessions to a team, so that OpenRouter's sticky routing separates teams that share an OpenRouter account. OpenRouter identifies a
/// session by <c>session_id</c> in the body, then the header <c>x-session-id</c>, then <c>prompt_cache_key</c>, then the opening messages
/// (its guide on prompt caching). The scoped session is derived from the same sources in the same order.
/// </summary>
internal static class SessionScope
{
    public const string Header = "x-session-id";

    // Covers the system prompt and the first user message of nearly every conversation. Only the beginning of a longer opening is hashed.
    private const int LongestOpening = 256 * 1024;

    /// <summary>The value of the session header sent upstream, and the edit of the body if the body contains the session.</summary>
    /// <param name="team">The team's id.</param>
    /// <param name="header">The client's header <see cref="Header"/>.</param>
    /// <param name="request">The request.</param>
    public static (string? Session, BodyEdit? Edit) Apply(string team, StringValues header, in RequestReviewContext request)
    {
        if (Find(request, BodyMemberName.SessionId) is { } member)
        {
            var scoped = Scope(team, Slice(request.Body, member));
            return (scoped, new BodyEdit(member.Start, member.Length, Encoding.UTF8.GetBytes($"\"{scoped}\"")));
        }

        if (OfHeader(team, header) is { } session)
        {
            return (session, null);
        }

        if (Find(request, BodyMemberName.PromptCacheKey) is { } cacheKey)
        {
            return (Scope(team, Slice(request.Body, cacheKey)), null);
        }

        return (Opening(request) is { } opening ? Scope(team, new ReadOnlySequence<byte>(opening)) : null, null);
    }

    /// <summary>The value of the session header sent upstream for a request without a session in its body.</summary>
    /// <param name="team">The team's id.</param>
    /// <param name="header">The client's header <see cref="Header"/>.</param>
    /// <returns>The value; <see langword="null"/> if the client sends none.</returns>
    public static string? OfHeader(string team, StringValues header) =>
        header.ToString() is { Length: > 0 } value ? Scope(team, new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(value))) : null;

    // Hashed, because the team's id and the client's value together may exceed the limit of 256 characters for a session.
    private static string Scope(string team, in ReadOnlySequence<byte> value)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(team));
        hash.AppendData([0]);
        foreach (var segment in value)
        {
            hash.AppendData(segment.Span);
        }

        return $"{team}-{Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16))}";
    }

    private static ByteRange? Find(in RequestReviewContext request, BodyMemberName name) =>
        request.Facts.LastIndexOf(name) is >= 0 and var i && request.Facts.Members[i].Kind == JsonValueKind.String
            ? request.Facts.Members[i].Value
            : null;

    private static ReadOnlySequence<byte> Slice(in ReadOnlySequence<byte> body, ByteRange range) => body.Slice(range.Start, range.Length);

    /// <summary>The messages up to and including the first user message. They are the same in every turn of a conversation.</summary>
    private static byte[]? Opening(in RequestReviewContext request)
    {
        var facts = request.Facts;
        var i = facts.LastIndexOf(BodyMemberName.Messages);
        i = i >= 0 ? i : facts.LastIndexOf(BodyMemberName.Input);
        if (i < 0 || request.Endpoint != RequestEndpoint.Generation)
        {
            return null;
        }

        var range = facts.Members[i].Value;
        var text = Slice(request.Body, range with { Length = Math.Min(range.Length, LongestOpening) }).ToArray();
        if (facts.Members[i].Kind != JsonValueKind.Array)
        {
            return text;
        }

        var reader = new Utf8JsonReader(text, isFinalBlock: text.Length == range.Length, default);
        try
        {
            while (reader.Read())
            {
                if (reader is { CurrentDepth: 2, TokenType: JsonTokenType.PropertyName }
                    && reader.ValueTextEquals("role"u8) && reader.Read()
                    && reader is { TokenType: JsonTokenType.String } && reader.ValueTextEquals("user"u8))
                {
                    return End(ref reader) ? text[..(int)reader.BytesConsumed] : text;
                }
            }
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            // The JSON is nested too deeply for the reader, or a name or role has a lone surrogate, which the reader cannot compare. The whole
            // text is used as the opening.
        }

        return text;

        // Reads to the end of the current message.
        static bool End(ref Utf8JsonReader reader)
        {
            while (reader.Read())
            {
                if (reader is { CurrentDepth: 1, TokenType: JsonTokenType.EndObject })
                {
                    return true;
                }
            }

            return false;
        }
    }
}
