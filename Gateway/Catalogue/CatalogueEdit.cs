using System.Globalization;
using System.Text;
using Gateway.Teams;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Catalogue;

/// <summary>
/// Reduces a list of models to those that a team may call, and adds its exact aliases as copies of their targets' entries. The result is a
/// list of edits: entries that stay keep their bytes.
/// </summary>
internal sealed class CatalogueEdit
{
    private readonly CatalogueDocument _document;
    private readonly ReadOnlyMemory<byte> _json;
    private readonly List<BodyEdit> _edits = [];
    private readonly Dictionary<string, int> _places = new(StringComparer.OrdinalIgnoreCase);

    private CatalogueEdit(CatalogueDocument document, ReadOnlyMemory<byte> json)
    {
        _document = document;
        _json = json;
        for (var i = 0; i < document.Entries.Count; i++)
        {
            if (document.Entries[i].Name is { } name)
            {
                _places.TryAdd(name, i);
            }
        }
    }

    /// <summary>The edits, ascending and not overlapping.</summary>
    public IReadOnlyList<BodyEdit> Edits => _edits;

    /// <summary>The number of entries after the edits, on all pages together.</summary>
    public int Count { get; private set; }

    /// <summary>The number of bytes that the edits insert.</summary>
    public long InsertedBytes => _edits.Sum(static edit => (long)edit.Insert.Length);

    /// <summary>Computes the edits of a list.</summary>
    /// <param name="document">The list.</param>
    /// <param name="json">Its bytes.</param>
    /// <param name="team">The team.</param>
    /// <param name="mayCall">Whether the team may call a model of this name.</param>
    /// <param name="addsAliases">Whether the team's aliases are added.</param>
    /// <param name="page">The part to return.</param>
    /// <param name="nextTarget">Returns the target of the next part.</param>
    public static CatalogueEdit Create(
        CatalogueDocument document,
        ReadOnlyMemory<byte> json,
        Team team,
        Func<string, bool> mayCall,
        bool addsAliases,
        CataloguePage page,
        Func<string> nextTarget)
    {
        var edit = new CatalogueEdit(document, json);
        var copies = addsAliases ? edit.CopiesOf(team, mayCall) : [];
        var entries = document.Entries;
        var kept = new List<int>();
        for (var i = 0; i < entries.Count; i++)
        {
            // A name that is an alias leads to another model, whose entry takes the place of its own.
            if (entries[i].Name is { } name && !copies.ContainsKey(name) && mayCall(name))
            {
                kept.Add(i);
            }
        }

        edit.Count = kept.Count + copies.Count;
        var end = page.Limit is { } limit ? (long)page.Offset + limit : long.MaxValue;
        edit.Keep(
            [.. kept.Where((_, place) => place >= page.Offset && place < end)],
            [.. copies.Values.Where((_, place) => kept.Count + place >= page.Offset && kept.Count + place < end)]);
        if (document.TotalCount is { } total)
        {
            edit.Replace(total, Encoding.UTF8.GetBytes(edit.Count.ToString(CultureInfo.InvariantCulture)));
        }

        if (document.Next is { } next && page.Limit is not null)
        {
            edit.Replace(next, end < edit.Count ? JsonText.Quote(nextTarget()) : "null"u8.ToArray());
        }

        edit._edits.Sort(static (one, other) => one.Offset.CompareTo(other.Offset));
        return edit;
    }

    private OrderedDictionary<string, byte[]> CopiesOf(Team team, Func<string, bool> mayCall)
    {
        var copies = new OrderedDictionary<string, byte[]>(StringComparer.OrdinalIgnoreCase);
        foreach (var alias in team.ExactAliases)
        {
            // An earlier alias with a pattern may match the name. It is the one that calls follow.
            if (TargetOf(team, alias.Model) is { } target && mayCall(alias.Model))
            {
                copies.Add(alias.Model, Copy(target, alias.Model));
            }
        }

        return copies;
    }

    /// <summary>
    /// The entry of the model that an alias sends in place of a name; that of the model without its variant if the variant has none.
    /// <see langword="null"/> if no alias replaces the name by another, or the list has no such entry.
    /// </summary>
    private CatalogueEntry? TargetOf(Team team, string name) =>
        team.Rules.FindAlias(name) is { Use: var use }
        && !use.Equals(name, StringComparison.OrdinalIgnoreCase)
        && (_places.TryGetValue(use, out var place)
            || (use.LastIndexOf(':') is > 0 and var variant && _places.TryGetValue(use[..variant], out place)))
            ? _document.Entries[place]
            : null;

    private byte[] Copy(CatalogueEntry entry, string name)
    {
        var json = _json.Span;
        return
        [
            .. json[entry.Range.Start..entry.NameValue.Start],
            .. JsonText.Quote(name),
            .. json[entry.NameValue.End..entry.Range.End],
        ];
    }

    /// <summary>
    /// Removes all other entries with their commas, and adds the copies after the last one. The bytes between two entries belong to the second
    /// one, except before the first entry that stays.
    /// </summary>
    private void Keep(List<int> kept, List<byte[]> copies)
    {
        var entries = _document.Entries;
        if (entries.Count == 0)
        {
            return;
        }

        var last = -1;
        foreach (var i in kept)
        {
            if (last < 0)
            {
                Cut(entries[0].Range.Start, entries[i].Range.Start);
            }
            else
            {
                Cut(entries[last].Range.End, entries[i - 1].Range.End);
            }

            last = i;
        }

        var start = last < 0 ? entries[0].Range.Start : entries[last].Range.End;
        var insert = new List<byte>();
        foreach (var copy in copies)
        {
            if (last >= 0 || insert.Count > 0)
            {
                insert.Add((byte)',');
            }

            insert.AddRange(copy);
        }

        var length = entries[^1].Range.End - start;
        if (length > 0 || insert.Count > 0)
        {
            _edits.Add(new BodyEdit(start, length, insert.ToArray()));
        }
    }

    private void Cut(int start, int end)
    {
        if (end > start)
        {
            _edits.Add(new BodyEdit(start, end - start, default));
        }
    }

    private void Replace(ByteRange range, byte[] value)
    {
        if (!_json.Span.Slice(range.Start, range.Length).SequenceEqual(value))
        {
            _edits.Add(new BodyEdit(range.Start, range.Length, value));
        }
    }
}
