using System.Text.Json;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>
/// The <c>provider</c> object of one request while rules change it. It keeps the offsets of the client's members, so that unchanged members
/// keep their bytes.
/// </summary>
internal sealed class MutableProviderBlock
{
    private readonly List<JsonMember> _clientMembers;
    private readonly List<Entry> _entries = [];

    /// <summary>An empty block, for a client that set no <c>provider</c>.</summary>
    public MutableProviderBlock() => _clientMembers = [];

    /// <summary>A block with the members of the client's object.</summary>
    public MutableProviderBlock(ReadOnlyMemory<byte> client)
    {
        _clientMembers = JsonMember.ReadAll(client.Span);
        var last = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < _clientMembers.Count; i++)
        {
            last[_clientMembers[i].Name] = i;
        }

        for (var i = 0; i < _clientMembers.Count; i++)
        {
            var member = _clientMembers[i];
            if (last[member.Name] == i)
            {
                _entries.Add(new Entry(member.Name, client[member.Start..member.KeyEnd], i)
                {
                    Value = client[member.ValueStart..member.ValueEnd],
                    Kind = member.Kind,
                });
            }
        }
    }

    /// <summary>Whether a rule has changed the block.</summary>
    public bool IsChanged { get; private set; }

    /// <summary>Whether the block has no members.</summary>
    public bool IsEmpty => _entries.Count == 0;

    /// <summary>The names of the members in order.</summary>
    public IReadOnlyList<string> MemberNames => [.. _entries.Select(entry => entry.Name)];

    /// <summary>The value of a member and its JSON type; <see langword="null"/> if it is missing or <c>null</c>.</summary>
    public (ReadOnlyMemory<byte> Value, JsonValueKind Kind)? Get(string name) =>
        Find(name) is { Kind: not JsonValueKind.Null } entry ? (entry.Value, entry.Kind) : null;

    /// <summary>Sets a member's value. A new member goes to the end.</summary>
    public void Set(string name, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, JsonValueKind kind)
    {
        var entry = Find(name);
        if (entry is null)
        {
            entry = new Entry(name, key, ClientIndex: -1);
            _entries.Add(entry);
        }

        entry.Value = value;
        entry.Kind = kind;
        entry.IsChanged = true;
        IsChanged = true;
    }

    /// <summary>Sets a member to a rule's value.</summary>
    public void Set(ProviderMember member) => Set(member.Name, member.Key, member.Value, member.Kind);

    /// <summary>Removes a member.</summary>
    public void Remove(string name)
    {
        if (_entries.RemoveAll(entry => entry.Name == name) > 0)
        {
            IsChanged = true;
        }
    }

    /// <summary>The whole object as compact JSON.</summary>
    public byte[] Render() => [(byte)'{', .. Join(_entries), (byte)'}'];

    /// <summary>Adds the edits that turn the client's object, at <paramref name="offset"/> of the body, into this block.</summary>
    public void AddEdits(EditList edits, int offset)
    {
        var kept = new Entry?[_clientMembers.Count];
        var lastKept = -1;
        foreach (var entry in _entries.Where(entry => entry.ClientIndex >= 0))
        {
            kept[entry.ClientIndex] = entry;
            lastKept = Math.Max(lastKept, entry.ClientIndex);
        }

        var added = Join(_entries.Where(entry => entry.ClientIndex < 0));
        var end = _clientMembers.Count == 0 ? 1 : _clientMembers[^1].ValueEnd;
        if (lastKept < 0)
        {
            edits.Add(offset + 1, end - 1, added);
            return;
        }

        for (var i = 0; i <= lastKept; i++)
        {
            var member = _clientMembers[i];
            if (kept[i] is not { } entry)
            {
                edits.Add(offset + member.Start, member.CommaEnd - member.Start, default);
            }
            else if (entry.IsChanged)
            {
                edits.Add(offset + member.ValueStart, member.ValueEnd - member.ValueStart, entry.Value);
            }
        }

        var tail = _clientMembers[lastKept].ValueEnd;
        edits.Add(offset + tail, end - tail, added.Length == 0 ? default : (byte[])[(byte)',', .. added]);
    }

    private static byte[] Join(IEnumerable<Entry> entries)
    {
        var json = new List<byte>();
        foreach (var entry in entries)
        {
            if (json.Count > 0)
            {
                json.Add((byte)',');
            }

            json.AddRange(entry.Key.Span);
            json.Add((byte)':');
            json.AddRange(entry.Value.Span);
        }

        return [.. json];
    }

    private Entry? Find(string name)
    {
        foreach (var entry in _entries)
        {
            if (entry.Name == name)
            {
                return entry;
            }
        }

        return null;
    }

    private sealed record Entry(string Name, ReadOnlyMemory<byte> Key, int ClientIndex)
    {
        public ReadOnlyMemory<byte> Value { get; set; }

        public JsonValueKind Kind { get; set; }

        public bool IsChanged { get; set; }
    }
}
