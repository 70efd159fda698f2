using System.Runtime.InteropServices;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>
/// Reads and checks a rule's <c>provider</c> block. A wrong type is a fault with the path of the setting. A value that OpenRouter may
/// accept but that is probably a mistake is a warning.
/// </summary>
internal sealed class ProviderBlockReader
{
    internal const string Root = "Provider";
    private const string NamesExpected = "a list of provider names such as [\"anthropic\", \"google-vertex\"]";

    private static readonly string[] Quantizations =
        ["int4", "int8", "fp4", "mxfp4", "nvfp4", "fp6", "fp8", "mxfp8", "fp16", "bf16", "fp32", "unknown"];

    private static readonly string[] PriceComponents = ["prompt", "completion", "request", "image", "audio"];
    private static readonly string[] Percentiles = ["p50", "p75", "p90", "p99"];
    private static readonly string[] Sorts = ["price", "throughput", "latency", "exacto"];
    private static readonly string[] Partitions = ["model", "none"];

    private readonly WhenClientSetsProvider _mode;
    private readonly ICollection<RuleProblem> _problems;
    private bool _hasFault;

    private ProviderBlockReader(WhenClientSetsProvider mode, ICollection<RuleProblem> problems)
    {
        _mode = mode;
        _problems = problems;
    }

    /// <summary>Reads a block; <see langword="null"/> after a fault.</summary>
    public static ProviderBlock? Read(JsonElement provider, WhenClientSetsProvider mode, ICollection<RuleProblem> problems) =>
        new ProviderBlockReader(mode, problems).Read(provider);

    private ProviderBlock? Read(JsonElement provider)
    {
        if (provider.ValueKind != JsonValueKind.Object)
        {
            var given = provider.ValueKind == JsonValueKind.Undefined ? "nothing" : Given(JsonMarshal.GetRawUtf8Value(provider));
            Fault(Root, $"got {given}, expected an object such as {{\"order\": [\"anthropic\"]}}");
            return null;
        }

        ReadOnlyMemory<byte> json = JsonText.Compact(JsonMarshal.GetRawUtf8Value(provider));
        var members = new List<ProviderMember>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in JsonMember.ReadAll(json.Span))
        {
            var value = json[member.ValueStart..member.ValueEnd];
            if (!seen.Add(member.Name))
            {
                Fault(Path(Root, member.Name), "occurs twice, expected once");
            }
            else if (HasEffect(member, value))
            {
                members.Add(new ProviderMember(member.Name, json[member.Start..member.KeyEnd], value, member.Kind));
            }
        }

        if (seen.Count == 0)
        {
            Fault(Root, "got {}, expected at least one member such as \"order\" or \"only\"");
        }
        else if (members.Count == 0 && _mode == WhenClientSetsProvider.Enforce && !_hasFault)
        {
            Fault(Root, "has no member with an effect, so it would enforce nothing; expected at least one such as \"only\"");
        }

        if (_hasFault)
        {
            return null;
        }

        var block = new ProviderBlock(members);
        foreach (var (path, message) in OddCombinations.Find(block, _mode))
        {
            Warn(path, message);
        }

        return block;
    }

    private bool HasEffect(JsonMember member, ReadOnlyMemory<byte> value)
    {
        var path = Path(Root, member.Name);
        if (!ProviderMembers.IsKnown(member.Name))
        {
            Unknown(path, member.Name, ProviderMembers.All, "is not a member that OpenRouter documents");
            return true;
        }

        if (member.Kind == JsonValueKind.Null)
        {
            Warn(path, "is null, which has no effect; it is left out");
            return false;
        }

        Check(member, value, path);
        if (_mode == WhenClientSetsProvider.Enforce
            && ProviderMembers.Harden(member.Name) is { } hard
            && !value.Span.SequenceEqual(hard.Span)
            && !_hasFault)
        {
            Warn(path, $"is {Given(value.Span)}, which has no effect under Enforce; it is left out");
            return false;
        }

        return true;
    }

    private void Check(JsonMember member, ReadOnlyMemory<byte> value, string path)
    {
        switch (member.Name)
        {
            case "order" or "only" or "ignore":
                CheckNames(value, path);
                break;
            case "quantizations":
                CheckQuantizations(value, path);
                break;
            case "allow_fallbacks" or "require_parameters" or "zdr" or "enforce_distillable_text":
                if (member.Kind is not (JsonValueKind.True or JsonValueKind.False))
                {
                    Fault(path, value, "true or false");
                }

                break;
            case "data_collection":
                // A fault and not a warning: OpenRouter ignores a misspelled value, which would leave the data unprotected.
                if (!value.Span.SequenceEqual("\"allow\""u8) && !value.Span.SequenceEqual("\"deny\""u8))
                {
                    Fault(path, value, "\"allow\" or \"deny\"");
                }

                break;
            case "sort":
                CheckSort(member, value, path);
                break;
            case "max_price":
                CheckMaxPrice(member, value, path);
                break;
            case "preferred_min_throughput" or "preferred_max_latency":
                CheckPercentiles(member, value, path);
                break;
            default:
                if (member.Kind != JsonValueKind.Object)
                {
                    Fault(path, value, "an object with a member for each provider slug");
                }
                else
                {
                    Warn(path, "is sent to the image endpoints only");
                }

                break;
        }
    }

    private void CheckNames(ReadOnlyMemory<byte> value, string path)
    {
        foreach (var name in CheckList(value, path, NamesExpected))
        {
            if (!ProviderNames.IsKnown(name.Canonical))
            {
                Warn(path, $"names {JsonText.Quoted(name.Text)}, which is not a known provider; it is sent as written{DidYouMean(ProviderNames.Nearest(name.Text))}");
            }
        }
    }

    private void CheckQuantizations(ReadOnlyMemory<byte> value, string path)
    {
        foreach (var name in CheckList(value, path, "a list of quantizations such as [\"fp8\", \"bf16\"]"))
        {
            if (!Quantizations.Contains(name.Text))
            {
                var known = string.Join(", ", Quantizations);
                Warn(path, $"names {JsonText.Quoted(name.Text)}, expected one of {known}; it is sent as written");
            }
        }
    }

    private List<ProviderListEntry> CheckList(ReadOnlyMemory<byte> value, string path, string expected)
    {
        if (ProviderListEntry.ReadAll(value) is not { } names)
        {
            Fault(path, value, expected);
            return [];
        }

        if (names.Count == 0)
        {
            if (_mode != WhenClientSetsProvider.Enforce)
            {
                Warn(path, "is empty");
            }
            else if (path is Root + ":only" or Root + ":quantizations")
            {
                Fault(path, $"is empty, which would refuse every request; expected {expected}");
            }
            else
            {
                Fault(path, $"is empty, which enforces nothing; expected {expected}, or no such member");
            }
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < names.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(names[i].Text))
            {
                Fault($"{path}:{i}", $"got {JsonText.Quoted(names[i].Text)}, expected a name");
            }
            else if (!seen.Add(names[i].Canonical))
            {
                Warn(path, $"names {JsonText.Quoted(names[i].Text)} twice");
            }
        }

        return names;
    }

    private void CheckSort(JsonMember member, ReadOnlyMemory<byte> value, string path)
    {
        const string Expected = "\"price\", \"throughput\", \"latency\" or an object such as {\"by\": \"price\", \"partition\": \"none\"}";
        if (member.Kind == JsonValueKind.String)
        {
            WarnUnlessOneOf(Sorts, value, path);
        }
        else if (member.Kind != JsonValueKind.Object)
        {
            Fault(path, value, Expected);
        }
        else
        {
            foreach (var part in JsonMember.ReadAll(value.Span))
            {
                var partValue = value[part.ValueStart..part.ValueEnd];
                if (part.Name is not ("by" or "partition"))
                {
                    Warn(Path(path, part.Name), "is not a member that OpenRouter documents; it is sent as written");
                }
                else if (part.Kind == JsonValueKind.String)
                {
                    WarnUnlessOneOf(part.Name == "by" ? Sorts : Partitions, partValue, $"{path}:{part.Name}");
                }
                else if (part.Kind != JsonValueKind.Null)
                {
                    Fault($"{path}:{part.Name}", partValue, part.Name == "by" ? "a string such as \"price\"" : "\"model\" or \"none\"");
                }
            }
        }
    }

    private void CheckMaxPrice(JsonMember member, ReadOnlyMemory<byte> value, string path)
    {
        if (member.Kind != JsonValueKind.Object)
        {
            Fault(path, value, "an object such as {\"prompt\": 1.5, \"completion\": 2}");
            return;
        }

        var prices = JsonMember.ReadAll(value.Span);
        if (prices.Count == 0)
        {
            Fault(path, value, "at least one price, such as {\"prompt\": 1.5}");
        }

        CheckParts(
            prices,
            value,
            path,
            PriceComponents,
            "a price such as 1.5 or \"1.5\"",
            (json, kind) => PriceLimit.TryParse(json.Span, kind, out var price) && !price.IsNegative && price.IsMeasurable,
            (partPath, name) => Unknown(partPath, name, PriceComponents, $"is not one of {string.Join(", ", PriceComponents)}"));
    }

    private void CheckPercentiles(JsonMember member, ReadOnlyMemory<byte> value, string path)
    {
        if (member.Kind == JsonValueKind.Object)
        {
            CheckParts(
                JsonMember.ReadAll(value.Span),
                value,
                path,
                Percentiles,
                "a number",
                (_, kind) => kind is JsonValueKind.Number or JsonValueKind.Null,
                (partPath, _) => Warn(partPath, $"is not one of {string.Join(", ", Percentiles)}; it is sent as written"));
        }
        else if (member.Kind != JsonValueKind.Number)
        {
            Fault(path, value, "a number or an object such as {\"p90\": 50}");
        }
    }

    private void CheckParts(
        List<JsonMember> parts,
        ReadOnlyMemory<byte> value,
        string path,
        string[] known,
        string expected,
        Func<ReadOnlyMemory<byte>, JsonValueKind, bool> isValid,
        Action<string, string> unknown)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var part in parts)
        {
            var partPath = Path(path, part.Name);
            var partValue = value[part.ValueStart..part.ValueEnd];
            if (!seen.Add(part.Name))
            {
                Fault(partPath, "occurs twice, expected once");
            }
            else if (!isValid(partValue, part.Kind))
            {
                Fault(partPath, partValue, expected);
            }
            else if (!known.Contains(part.Name))
            {
                unknown(partPath, part.Name);
            }
        }
    }

    /// <summary>
    /// An unknown member may be new at OpenRouter. Under Enforce it is a fault: a misspelled restriction would silently restrict nothing.
    /// </summary>
    private void Unknown(string path, string name, IReadOnlyCollection<string> known, string problem)
    {
        if (_mode != WhenClientSetsProvider.Enforce)
        {
            Warn(path, problem + "; it is sent as written" + DidYouMean(NearestName.Find(name, known)));
        }
        else if (NearestName.Find(name, known) is { } nearest)
        {
            Fault(path, $"{problem}, so it would enforce nothing; did you mean \"{nearest}\"?");
        }
        else
        {
            Fault(path, $"{problem}, so it would enforce nothing; expected one of {string.Join(", ", known)}");
        }
    }

    private static string DidYouMean(string? nearest) => nearest is null ? "" : $"; did you mean \"{nearest}\"?";

    private void WarnUnlessOneOf(string[] known, ReadOnlyMemory<byte> value, string path)
    {
        var text = JsonStringDecoder.Decode(value.Span[1..^1]);
        if (!known.Contains(text))
        {
            Warn(path, $"is {JsonText.Quoted(text)}, expected one of {string.Join(", ", known)}; it is sent as written");
        }
    }

    private void Fault(string path, ReadOnlyMemory<byte> given, string expected) =>
        Fault(path, $"got {Given(given.Span)}, expected {expected}");

    private void Fault(string path, string message)
    {
        _hasFault = true;
        _problems.Add(new RuleProblem(path, message));
    }

    private void Warn(string path, string message) => _problems.Add(new RuleProblem(path, message, IsWarning: true));

    private static string Path(string parent, string name) => $"{parent}:{JsonText.Printable(name)}";

    private static string Given(ReadOnlySpan<byte> json) => JsonText.Shortened(json);
}
