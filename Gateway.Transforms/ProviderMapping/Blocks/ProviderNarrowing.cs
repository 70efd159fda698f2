using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>
/// Applies enforced rules. Each rule can only narrow the block of the client and of earlier rules: allow-lists are intersected, deny-lists
/// are united and cut from allow-lists, limits take the minimum, switches take the stricter value. A preference is taken from the first rule
/// that has it.
/// </summary>
internal static class ProviderNarrowing
{
    private static readonly ReadOnlyMemory<byte> OnlyKey = Encoding.UTF8.GetBytes("\"only\"");
    private static readonly ReadOnlyMemory<byte> OrderKey = Encoding.UTF8.GetBytes("\"order\"");

    /// <summary>Applies rules in order.</summary>
    /// <param name="block">The block of the client and the ordinary rule. It is changed.</param>
    /// <param name="rules">The enforced rules that match.</param>
    /// <param name="endpoint">The kind of endpoint.</param>
    /// <param name="changes">
    /// Receives the members that each rule changed, by the rule's index; <see langword="null"/> on the request path.
    /// </param>
    /// <returns>The refusal by a rule, or <see langword="null"/>.</returns>
    public static RuleRefusal? Narrow(
        MutableProviderBlock block, IReadOnlyList<ProviderRule> rules, RequestEndpoint endpoint, IReadOnlyList<List<string>>? changes)
    {
        var preferencesTaken = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < rules.Count; i++)
        {
            foreach (var member in rules[i].Block.Members)
            {
                if (member.Name == "options" && endpoint != RequestEndpoint.Images)
                {
                    continue;
                }

                if (!ProviderMembers.IsTakenBy(endpoint, member.Name))
                {
                    return RuleRefusal.NotTaken(rules[i], member.Name);
                }

                if (NarrowMember(block, rules[i], member, preferencesTaken, out var isChanged) is { } refusal)
                {
                    return refusal;
                }

                if (isChanged)
                {
                    changes?[i].Add(member.Name);
                }
            }
        }

        return CutIgnored(block, rules, changes) ?? NarrowOrder(block, rules, changes);
    }

    private static RuleRefusal? NarrowMember(
        MutableProviderBlock block, ProviderRule rule, ProviderMember member, HashSet<string> preferencesTaken, out bool isChanged)
    {
        isChanged = false;
        switch (member.Name)
        {
            // The order is reduced to the providers that all rules allow, so it is applied last.
            case "order":
                return null;
            case "only":
                return Intersect(block, rule, member, rule.Block.Only!, out isChanged);
            case "quantizations":
                return Intersect(block, rule, member, rule.Block.Quantizations!, out isChanged);
            case "ignore":
                return Unite(block, rule, member, out isChanged);
            case "max_price":
                return TakeMinimum(block, rule, member, out isChanged);
            case "data_collection":
                return Harden(block, rule, member, kind => kind == JsonValueKind.String, "\"allow\" or \"deny\"", out isChanged);
            case "zdr" or "require_parameters" or "enforce_distillable_text" or "allow_fallbacks":
                return Harden(
                    block, rule, member, kind => kind is JsonValueKind.True or JsonValueKind.False, "true or false", out isChanged);
            case "options":
                isChanged = block.Get("options") is null && preferencesTaken.Add(member.Name);
                break;
            default:
                isChanged = preferencesTaken.Add(member.Name)
                    && !(block.Get(member.Name) is { } stated && stated.Value.Span.SequenceEqual(member.Value.Span));
                break;
        }

        if (isChanged)
        {
            block.Set(member);
        }

        return null;
    }

    private static RuleRefusal? Intersect(
        MutableProviderBlock block, ProviderRule rule, ProviderMember member, ProviderList allowed, out bool isChanged)
    {
        isChanged = false;
        if (block.Get(member.Name) is not { } stated)
        {
            if (allowed.Names.Count == 0)
            {
                return RuleRefusal.NothingLeft(rule, member.Name);
            }

            block.Set(member);
            isChanged = true;
            return null;
        }

        if (ProviderListEntry.ReadAll(stated.Value) is not { } asked)
        {
            return RuleRefusal.WrongType(rule, member.Name, "an array of strings");
        }

        var left = allowed.Intersect(asked, out isChanged);
        if (left.Count == 0)
        {
            return RuleRefusal.NothingLeft(rule, member.Name);
        }

        if (isChanged)
        {
            block.Set(member.Name, member.Key, ProviderListEntry.WriteAll(left), JsonValueKind.Array);
        }

        return null;
    }

    /// <summary>
    /// Adds the rule's names to <c>ignore</c>, unless the client wrote them the same way: OpenRouter drops names that it does not know, so another
    /// spelling may have no effect.
    /// </summary>
    private static RuleRefusal? Unite(MutableProviderBlock block, ProviderRule rule, ProviderMember member, out bool isChanged)
    {
        isChanged = false;
        if (block.Get("ignore") is not { } stated)
        {
            block.Set(member);
            isChanged = true;
            return null;
        }

        if (ProviderListEntry.ReadAll(stated.Value) is not { } ignored)
        {
            return RuleRefusal.WrongType(rule, "ignore", "an array of strings");
        }

        foreach (var name in rule.Block.Ignore!.Names)
        {
            if (!ignored.Exists(entry => entry.Text == name.Text || entry.Text == ProviderNames.CoveringBase(name.Text)))
            {
                ignored.Add(name);
                isChanged = true;
            }
        }

        if (isChanged)
        {
            block.Set("ignore", member.Key, ProviderListEntry.WriteAll(ignored), JsonValueKind.Array);
        }

        return null;
    }

    private static RuleRefusal? Harden(
        MutableProviderBlock block,
        ProviderRule rule,
        ProviderMember member,
        Func<JsonValueKind, bool> isRightKind,
        string expected,
        out bool isChanged)
    {
        isChanged = false;
        if (block.Get(member.Name) is { } stated)
        {
            if (!isRightKind(stated.Kind))
            {
                return RuleRefusal.WrongType(rule, member.Name, expected);
            }

            if (IsSame(stated.Value.Span, member.Value.Span, stated.Kind))
            {
                return null;
            }
        }

        block.Set(member);
        isChanged = true;
        return null;
    }

    private static RuleRefusal? TakeMinimum(MutableProviderBlock block, ProviderRule rule, ProviderMember member, out bool isChanged)
    {
        isChanged = false;
        if (block.Get("max_price") is not { } stated)
        {
            block.Set(member);
            isChanged = true;
            return null;
        }

        if (stated.Kind != JsonValueKind.Object)
        {
            return RuleRefusal.WrongType(rule, "max_price", "an object");
        }

        // The last of duplicate components counts.
        var components = new OrderedDictionary<string, (ReadOnlyMemory<byte> Member, ReadOnlyMemory<byte> Value, JsonValueKind Kind)>();
        foreach (var component in JsonMember.ReadAll(stated.Value.Span))
        {
            components[component.Name] = (
                stated.Value[component.Start..component.ValueEnd],
                stated.Value[component.ValueStart..component.ValueEnd],
                component.Kind);
        }

        foreach (var limit in rule.Block.MaxPrice!)
        {
            if (components.TryGetValue(limit.Name, out var asked) && asked.Kind != JsonValueKind.Null)
            {
                if (!PriceLimit.TryParse(asked.Value.Span, asked.Kind, out var price))
                {
                    return RuleRefusal.WrongType(rule, "max_price", "an object of numbers or decimal strings");
                }

                if (price.IsAtMost(limit.Value))
                {
                    continue;
                }
            }

            components[limit.Name] = (limit.Member, default, JsonValueKind.Undefined);
            isChanged = true;
        }

        if (isChanged)
        {
            var json = new List<byte> { (byte)'{' };
            foreach (var component in components.Values)
            {
                if (json.Count > 1)
                {
                    json.Add((byte)',');
                }

                json.AddRange(component.Member.Span);
            }

            json.Add((byte)'}');
            block.Set("max_price", member.Key, json.ToArray(), JsonValueKind.Object);
        }

        return null;
    }

    /// <summary>
    /// Cuts from <c>only</c> the entries that the rules ignore. OpenRouter does not match a service tier with the <c>ignore</c> of its
    /// provider, so an entry such as <c>openai/flex</c> would pass <c>"ignore": ["openai"]</c>. Applied after all rules, so that their
    /// sequence does not matter.
    /// </summary>
    private static RuleRefusal? CutIgnored(MutableProviderBlock block, IReadOnlyList<ProviderRule> rules, IReadOnlyList<List<string>>? changes)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            if (rules[i].Block.Ignore is not { } ignored || block.Get("only") is not { } only)
            {
                continue;
            }

            if (ProviderListEntry.ReadAll(only.Value) is not { } names)
            {
                return RuleRefusal.WrongType(rules[i], "only", "an array of strings");
            }

            var left = names.FindAll(name => !ignored.Denies(name));
            if (left.Count == names.Count)
            {
                continue;
            }

            if (left.Count == 0)
            {
                return RuleRefusal.NothingLeft(rules[i], "only");
            }

            block.Set("only", OnlyKey, ProviderListEntry.WriteAll(left), JsonValueKind.Array);
            changes?[i].Add("only");
        }

        return null;
    }

    private static RuleRefusal? NarrowOrder(MutableProviderBlock block, IReadOnlyList<ProviderRule> rules, IReadOnlyList<List<string>>? changes)
    {
        var cause = FindFirst(rules, static block => block.Order is { Names.Count: > 0 });
        var own = cause < 0 ? null : rules[cause].Block.Order;
        if (own is null)
        {
            cause = FindFirst(rules, static block => block.Only is not null || block.Ignore is not null);
        }

        if (cause < 0)
        {
            return null;
        }

        var stated = block.Get("order");
        var asked = stated is null ? null : ProviderListEntry.ReadAll(stated.Value.Value);
        if (own is not null)
        {
            var left = Allowed(block, own.Names, out _);
            if (asked is null || !asked.Select(name => name.Canonical).SequenceEqual(left.Select(name => name.Canonical)))
            {
                SetOrder(block, left, changes?[cause]);
            }

            return null;
        }

        if (stated is null)
        {
            return null;
        }

        if (asked is null)
        {
            return RuleRefusal.WrongType(rules[cause], "order", "an array of strings");
        }

        var cut = Allowed(block, asked, out var isChanged);
        if (isChanged)
        {
            SetOrder(block, cut, changes?[cause]);
        }

        return null;
    }

    private static void SetOrder(MutableProviderBlock block, List<ProviderListEntry> order, List<string>? changes)
    {
        if (order.Count > 0)
        {
            block.Set("order", OrderKey, ProviderListEntry.WriteAll(order), JsonValueKind.Array);
        }
        else
        {
            block.Remove("order");
        }

        changes?.Add("order");
    }

    // The entries of an order that the block's only and ignore allow. A client's list of the wrong type restricts nothing here: a rule that
    // narrows the list has already refused the request, and otherwise OpenRouter refuses it.
    private static List<ProviderListEntry> Allowed(MutableProviderBlock block, List<ProviderListEntry> order, out bool isChanged)
    {
        isChanged = false;
        if (block.Get("only") is { } only && ProviderListEntry.ReadAll(only.Value) is { } allowed)
        {
            order = new ProviderList(allowed).Intersect(order, out isChanged);
        }

        if (block.Get("ignore") is { } ignore && ProviderListEntry.ReadAll(ignore.Value) is { } names)
        {
            var ignored = new ProviderList(names);
            var left = order.FindAll(name => !ignored.Denies(name));
            isChanged |= left.Count != order.Count;
            order = left;
        }

        return order;
    }

    private static int FindFirst(IReadOnlyList<ProviderRule> rules, Func<ProviderBlock, bool> isSought)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            if (isSought(rules[i].Block))
            {
                return i;
            }
        }

        return -1;
    }

    private static bool IsSame(ReadOnlySpan<byte> stated, ReadOnlySpan<byte> hard, JsonValueKind kind) =>
        stated.SequenceEqual(hard)
        || (kind == JsonValueKind.String && JsonStringDecoder.Decode(stated[1..^1]) == JsonStringDecoder.Decode(hard[1..^1]));
}
