namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// The names that a model name may stand for, so that an enforced rule cannot be evaded by spelling: without surrounding white space, a
/// leading <c>~</c>, a <c>:variant</c>, a preset, and every combination of these.
/// </summary>
internal static class ModelSpellings
{
    /// <summary>
    /// The number of presets in one name that are judged one by one. A name with more may stand for any preset and any model: real names
    /// have one, and each costs a record.
    /// </summary>
    public const int MaxPresets = 8;

    /// <summary>The number of variants in one name that are judged one by one. Real names have one or two.</summary>
    public const int MaxVariants = 4;

    /// <summary>The beginning of a preset in a model name.</summary>
    internal const string PresetMark = "@preset/";

    /// <summary>The name as written, first, and every other spelling of it.</summary>
    /// <param name="name">A model's name as a request writes it.</param>
    public static IReadOnlyList<string> Of(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var spellings = new List<string>();
        Add(name, spellings);
        return spellings;
    }

    /// <summary>
    /// Every spelling of every name; an empty name if there are no names. The spellings of one name are created at a time: a request may name
    /// a thousand models, and those of all names together would take a hundred times the memory of its body.
    /// </summary>
    public static IEnumerable<string> OfAll(IReadOnlyList<string> names) => names switch
    {
        [] => [""],
        [var only] => Of(only),
        _ => names.SelectMany(Of),
    };

    /// <summary>Adds the name as written and every other spelling of it.</summary>
    internal static void Add(string name, List<string> spellings) => Add(name, spellings, StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Adds the name as written and every other spelling of it, as the comparer tells them apart. A name has up to some hundred spellings, each
    /// of which is looked up once.
    /// </summary>
    internal static void Add(string name, List<string> spellings, IEqualityComparer<string> comparer)
    {
        spellings.Add(name);
        var trimmed = name.Trim();
        if (trimmed.Length == name.Length && trimmed.AsSpan().IndexOfAny('~', ':', '@') < 0)
        {
            return;
        }

        var known = new HashSet<string>(comparer) { name };
        AddVariants(name, known, spellings);
        if (trimmed.Length != name.Length)
        {
            AddVariants(trimmed, known, spellings);
        }

        var plain = trimmed.TrimStart('~').Trim();
        if (plain.Length != trimmed.Length)
        {
            AddVariants(plain, known, spellings);
        }
    }

    /// <summary>Whether a name refers to a preset, alone or after a model.</summary>
    /// <param name="name">A model's name as a request writes it.</param>
    public static bool NamesPreset(string name) => name is null ? throw new ArgumentNullException(nameof(name)) : name.Contains(PresetMark, StringComparison.OrdinalIgnoreCase);

    /// <summary>The slugs of the presets in a name.</summary>
    public static IEnumerable<string> Presets(string name)
    {
        for (var at = name.IndexOf(PresetMark, StringComparison.OrdinalIgnoreCase); at >= 0;)
        {
            var start = at + PresetMark.Length;
            at = name.IndexOf(PresetMark, start, StringComparison.OrdinalIgnoreCase);
            yield return (at < 0 ? name[start..] : name[start..at]).Trim();
        }
    }

    /// <summary>Whether one of the variants in a name is <c>:online</c>, which enables the web search.</summary>
    public static bool IsOnline(ReadOnlySpan<char> name)
    {
        while (name.IndexOf(':') is >= 0 and var colon)
        {
            name = name[(colon + 1)..];
            var end = name.IndexOfAny(':', '@');
            if ((end < 0 ? name : name[..end]).Trim().Equals("online", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The name of the model's fast version; <see langword="null"/> if the name has no model.</summary>
    public static string? FastVersion(string name)
    {
        var end = name.AsSpan().IndexOfAny(':', '@');
        var model = (end < 0 ? name : name[..end]).TrimEnd();
        return model.Trim('~', ' ').Length == 0 ? null : model + "-fast" + (end < 0 ? "" : name[end..]);
    }

    // A variant may precede or follow the preset.
    private static void AddVariants(string name, HashSet<string> known, List<string> spellings)
    {
        var mark = name.IndexOf(PresetMark, StringComparison.OrdinalIgnoreCase);
        var model = mark < 0 ? name : name[..mark];
        List<string> tails = mark < 0 ? [] : [.. WithFewerVariants(name[mark..]).Distinct(StringComparer.OrdinalIgnoreCase)];
        foreach (var head in WithFewerVariants(model).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            AddNew(head, known, spellings);
            foreach (var tail in tails)
            {
                AddNew(head + tail, known, spellings);
            }
        }
    }

    /// <summary>
    /// The name, the name cut at each of its variants, and the name with each variant alone, so that <c>*:free</c> matches with any
    /// other variant behind it. Of the variants after the first <see cref="MaxVariants"/> only the last is cut off by itself: a name of a million
    /// colons must not produce a million names.
    /// </summary>
    private static IEnumerable<string> WithFewerVariants(string name)
    {
        yield return name;
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            yield break;
        }

        var model = name[..colon];
        yield return model;
        for (var i = 0; i < MaxVariants && colon >= 0; i++)
        {
            var next = name.IndexOf(':', colon + 1);
            var end = next < 0 ? name.Length : next;
            yield return name[..end];
            yield return model + name[colon..end];
            colon = next;
        }

        yield return name[..name.LastIndexOf(':')];
    }

    private static void AddNew(string name, HashSet<string> known, List<string> spellings)
    {
        AddOnce(name, known, spellings);
        if (name.Trim() is var trimmed && trimmed.Length != name.Length)
        {
            AddOnce(trimmed, known, spellings);
        }
    }

    private static void AddOnce(string name, HashSet<string> known, List<string> spellings)
    {
        if (known.Add(name))
        {
            spellings.Add(name);
        }
    }
}
