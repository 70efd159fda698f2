namespace Gateway.Configuration.Reading;

/// <summary>The ids and keys that teams have claimed; each has one owner. A team that is rejected gives up its claims.</summary>
internal sealed class TeamClaims
{
    private readonly Dictionary<string, string> _ids = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, string> _keys = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<(Dictionary<string, string> Claims, string Value)> _ofTeam = [];

    /// <summary>Claims an id for the current team.</summary>
    /// <returns>The path of its owner, if another team has claimed it; otherwise <see langword="null"/>.</returns>
    public string? ClaimId(string id, string path) => Claim(_ids, id, path);

    /// <summary>Claims a key, by its hash, for the current team.</summary>
    /// <inheritdoc cref="ClaimId" path="/returns" />
    public string? ClaimKey(string hash, string path) => Claim(_keys, hash, path);

    /// <summary>Accepts the current team. The next claims are those of another team.</summary>
    public void Accept() => _ofTeam.Clear();

    /// <summary>Rejects the current team: its claims are given up.</summary>
    public void Reject()
    {
        foreach (var (claims, value) in _ofTeam)
        {
            claims.Remove(value);
        }

        _ofTeam.Clear();
    }

    private string? Claim(Dictionary<string, string> claims, string value, string path)
    {
        if (claims.TryGetValue(value, out var owner))
        {
            return owner;
        }

        claims.Add(value, path);
        _ofTeam.Add((claims, value));
        return null;
    }
}
