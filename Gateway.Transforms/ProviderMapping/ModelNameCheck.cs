using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// Finds model names that upstream may read differently than the gateway: members of the wrong type, names with characters that a parser may
/// strip or normalise, and names with more variants than are judged. Such a request passes, except where model rights or enforced rules judge its names.
/// </summary>
internal static class ModelNameCheck
{
    // Both .NET and JavaScript trim these, and so do the spellings of a name.
    private const string TrimmedEverywhere = " \t\r\n\v\f";

    private static readonly RequestRejection ModelType = WrongType("model", "a string");
    private static readonly RequestRejection ModelsType = WrongType("models", "an array of strings");
    private static readonly RequestRejection FallbacksType = WrongType("fallbacks", "an array of objects, each with a string 'model'");

    /// <summary>Finds the first fault of a request whose model names are judged.</summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="requested">The models that the request names.</param>
    /// <returns>The rejection; <see langword="null"/> if every name can be judged.</returns>
    public static RequestRejection? Find(BodyFacts facts, in ReadOnlySequence<byte> body, in RequestedModels requested)
    {
        for (var i = 0; i < facts.Members.Count; i++)
        {
            var member = facts.Members[i];
            if (member.Kind == JsonValueKind.Null)
            {
                continue;
            }

            switch (member.Name)
            {
                case BodyMemberName.Model when member.Kind != JsonValueKind.String:
                    return ModelType;
                case BodyMemberName.Models when member.Kind != JsonValueKind.Array || !HasOnlyNames(member, body, areObjects: false):
                    return ModelsType;
                case BodyMemberName.Fallbacks when member.Kind != JsonValueKind.Array || !HasOnlyNames(member, body, areObjects: true):
                    return FallbacksType;
            }
        }

        return FindUnclear(requested.Names, "model")
            ?? FindUnclear(facts.Presets, "preset")
            ?? (requested.Tools.Count > 0 ? FindInTools(requested) : null);
    }

    private static RequestRejection? FindInTools(in RequestedModels requested)
    {
        foreach (var tool in requested.Tools)
        {
            if (FindUnclear(tool.Models, tool.Member) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private static RequestRejection? FindUnclear(IReadOnlyList<string?> names, string param)
    {
        for (var i = 0; i < names.Count; i++)
        {
            if (names[i] is not { } name)
            {
                continue;
            }

            if (!IsPrintable(name))
            {
                return new RequestRejection(
                    400, "invalid_model", $"A model name in '{param}' has characters that are not printable ASCII.", param);
            }

            if (name.AsSpan().Count(':') > ModelSpellings.MaxVariants)
            {
                return new RequestRejection(
                    400, "invalid_model", $"A model name in '{param}' has more than {ModelSpellings.MaxVariants} variants.", param);
            }
        }

        return null;
    }

    private static bool IsPrintable(ReadOnlySpan<char> name) =>
        !name.ContainsAnyExceptInRange(' ', '~') || !name.Trim(TrimmedEverywhere).ContainsAnyExceptInRange(' ', '~');

    /// <summary>Whether each element of an array names a model: as a string, or, in <c>fallbacks</c>, in its member <c>model</c> too.</summary>
    private static bool HasOnlyNames(in BodyMember member, in ReadOnlySequence<byte> body, bool areObjects)
    {
        var reader = new Utf8JsonReader(body.Slice(member.Value.Start, member.Value.Length), JsonText.AnyDepth);
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.String
                && !(areObjects && reader.TokenType == JsonTokenType.StartObject && NamesModel(ref reader)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool NamesModel(ref Utf8JsonReader reader)
    {
        var hasModel = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isModel = JsonReaderText.Is(reader, "model");
            reader.Read();
            if (isModel && reader.TokenType != JsonTokenType.String)
            {
                return false;
            }

            hasModel |= isModel;
            reader.Skip();
        }

        return hasModel;
    }

    private static RequestRejection WrongType(string member, string expected) => new(
        400, "invalid_model", $"'{member}' must be {expected}.", member);
}
