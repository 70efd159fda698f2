using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Teams;

/// <summary>All teams of a settings snapshot, found by the hash of a key. Immutable.</summary>
internal sealed class TeamDirectory
{
    // Keys are some fifty bytes long; whatever is longer than this is hashed in borrowed memory instead of on the stack.
    private const int StackBytes = 512;

    private readonly Dictionary<string, Team> _byId;
    private readonly Dictionary<long, Entry[]> _byHash;

    public TeamDirectory(IReadOnlyList<Team> teams)
    {
        Teams = teams;
        _byId = teams.ToDictionary(team => team.Id, StringComparer.Ordinal);
        _byHash = teams
            .SelectMany(team => team.Keys, (team, key) => new Entry(team, key))
            .GroupBy(entry => Start(entry.Key.Hash.Span))
            .ToDictionary(group => group.Key, group => group.ToArray());
    }

    public static TeamDirectory Empty { get; } = new([]);

    /// <summary>The teams in the order of the settings.</summary>
    public IReadOnlyList<Team> Teams { get; }

    /// <summary>Whether callers bring their own OpenRouter keys.</summary>
    public bool IsEmpty => Teams.Count == 0;

    /// <summary>A team by its id.</summary>
    public bool TryGet(string id, [NotNullWhen(true)] out Team? team) => _byId.TryGetValue(id, out team);

    /// <summary>
    /// The team that a key belongs to, expired or not. Takes as long for a key that nearly fits as for any other, and allocates nothing.
    /// </summary>
    /// <param name="key">The key as the client sent it, of any length.</param>
    /// <param name="team">Whose it is.</param>
    /// <param name="teamKey">Which one it is.</param>
    public bool TryFind(ReadOnlySpan<char> key, [NotNullWhen(true)] out Team? team, [NotNullWhen(true)] out TeamKey? teamKey)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(key, hash);
        if (_byHash.TryGetValue(Start(hash), out var entries))
        {
            foreach (var entry in entries)
            {
                if (CryptographicOperations.FixedTimeEquals(entry.Key.Hash.Span, hash))
                {
                    (team, teamKey) = (entry.Team, entry.Key);
                    return true;
                }
            }
        }

        (team, teamKey) = (null, null);
        return false;
    }

    private static void Hash(ReadOnlySpan<char> key, Span<byte> hash)
    {
        var length = Encoding.UTF8.GetMaxByteCount(key.Length);
        byte[]? borrowed = null;
        var utf8 = length <= StackBytes ? stackalloc byte[StackBytes] : borrowed = ArrayPool<byte>.Shared.Rent(length);
        var written = utf8[..Encoding.UTF8.GetBytes(key, utf8)];
        SHA256.HashData(written, hash);
        CryptographicOperations.ZeroMemory(written);
        if (borrowed is not null)
        {
            ArrayPool<byte>.Shared.Return(borrowed);
        }
    }

    // Which entries to compare with is told by a part of a hash, of which nobody can choose the bits.
    private static long Start(ReadOnlySpan<byte> hash) => BinaryPrimitives.ReadInt64LittleEndian(hash);

    private readonly record struct Entry(Team Team, TeamKey Key);
}
