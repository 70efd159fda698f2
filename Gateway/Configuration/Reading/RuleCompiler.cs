using System.Buffers;
using System.Text;
using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Tree;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Configuration.Reading;

/// <summary>
/// Compiles the rules of one load. Rules that the previous load compiled from the same name and JSON are reused: a change of one rule in
/// 10,000 compiles one. Not thread-safe.
/// </summary>
internal sealed class RuleCompiler
{
    private readonly Dictionary<byte[], Entry> _current = new(BytesComparer.Instance);
    private readonly Dictionary<byte[], Entry>.AlternateLookup<ReadOnlySpan<byte>> _known;
    private readonly Dictionary<byte[], Entry>.AlternateLookup<ReadOnlySpan<byte>> _previous;
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <param name="previous">The compiler of the previous load; <see langword="null"/> for the first load.</param>
    public RuleCompiler(RuleCompiler? previous)
    {
        _known = _current.GetAlternateLookup<ReadOnlySpan<byte>>();
        _previous = previous?._known ?? _known;
    }

    /// <summary>Compiles a rule.</summary>
    /// <param name="entry">The entry in canonical form.</param>
    /// <param name="defaultName">The name if the entry has none.</param>
    public CompiledRule Compile(SettingsObject entry, string defaultName)
    {
        // The default name depends on the position. A rule with its own name may move, so the default is not part of its key.
        var hasName = entry.Members.ContainsKey(nameof(ProviderRuleSettings.Name));
        var name = hasName ? "" : defaultName;
        _buffer.ResetWrittenCount();
        _buffer.Advance(Encoding.UTF8.GetBytes(name, _buffer.GetSpan(Encoding.UTF8.GetMaxByteCount(name.Length))));
        using (var writer = new Utf8JsonWriter(_buffer))
        {
            entry.WriteTo(writer);
        }

        var key = _buffer.WrittenSpan;
        if (_known.TryGetValue(key, out var same))
        {
            return same.Rule;
        }

        var compiled = _previous.TryGetValue(key, out var known) ? known : new Entry(key.ToArray(), Create(entry, defaultName));
        _current.Add(compiled.Key, compiled);
        return compiled.Rule;
    }

    private static CompiledRule Create(SettingsObject entry, string defaultName)
    {
        var settings = SettingsMembers.Read<ProviderRuleSettings>(entry);
        var problems = new List<RuleProblem>();
        _ = ProviderRule.TryCreate(
            settings.Name ?? defaultName,
            settings.Model,
            settings.Provider,
            settings.WhenClientSetsProvider,
            settings.ServerTools,
            problems,
            out var rule);
        return new CompiledRule(
            settings.Name, settings.Model, settings.WhenClientSetsProvider, settings.Provider.GetRawText(), rule, problems);
    }

    /// <param name="Key">The default name if it is used, and the JSON, which begins with a brace.</param>
    /// <param name="Rule">The rule.</param>
    private readonly record struct Entry(byte[] Key, CompiledRule Rule);

    private sealed class BytesComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static BytesComparer Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = new HashCode();
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
