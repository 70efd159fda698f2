using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Teams;

/// <summary>All teams of a settings snapshot, indexed by the hashes of their keys. Immutable.</summary>
internal sealed class TeamDirectory
{
    // Keys are about fifty bytes long. A longer text is hashed in pooled memory instead of on the stack.
    private const int StackBytes = 512;

    private readonly Dictionary<string, Team> _byId;
    private readonly Dictionary<long, CallerIdentity[]> _byHash;

    public TeamDirectory(IReadOnlyList<Team> teams)
    {
        Teams = teams;
        _byId = teams.ToDictionary(team => team.Id, StringComparer.Ordinal);
        _byHash = teams
            .SelectMany(team => team.Keys, (team, key) => new CallerIdentity(team.As(key), key))
            .GroupBy(caller => Start(caller.Key.Hash.Span))
            .ToDictionary(group => group.Key, group => group.ToArray());
    }

    public static TeamDirectory Empty { get; } = new([]);

    /// <summary>The teams in the order of the settings.</summary>
    public IReadOnlyList<Team> Teams { get; }

    /// <summary>Whether there are no teams, so that clients send their own OpenRouter keys.</summary>
    public bool IsEmpty => Teams.Count == 0;

    /// <summary>A team by its id.</summary>
    public bool TryGet(string id, [NotNullWhen(true)] out Team? team) => _byId.TryGetValue(id, out team);

    /// <summary>
    /// Finds the team that a key belongs to, expired or not. An empty key belongs to none. Compares in constant time and allocates nothing.
    /// </summary>
    /// <param name="key">The key as sent, of any length.</param>
    /// <param name="caller">The team and the key.</param>
    public bool TryFind(ReadOnlySpan<char> key, [NotNullWhen(true)] out CallerIdentity? caller)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Hash(key, hash);
        if (!key.IsEmpty && _byHash.TryGetValue(Start(hash), out var candidates))
        {
            foreach (var candidate in candidates)
            {
                if (CryptographicOperations.FixedTimeEquals(candidate.Key.Hash.Span, hash))
                {
                    caller = candidate;
                    return true;
                }
            }
        }

        caller = null;
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

    // The bucket is part of a SHA-256 hash, whose bits a client cannot choose, so it reveals nothing about the keys.
    private static long Start(ReadOnlySpan<byte> hash) => BinaryPrimitives.ReadInt64LittleEndian(hash);
}
