namespace Gateway.Catalogue;

/// <summary>Bounds the memory of the lists of models that are edited at a time: of all teams together, and of one team to a quarter of it.</summary>
internal sealed class CatalogueMemory
{
    /// <summary>The bound of all lists together.</summary>
    public const long MaxBytes = 128 * 1024 * 1024;

    private const long MaxBytesOfTeam = MaxBytes / 4;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _teams = new(StringComparer.Ordinal);
    private long _held;

    /// <summary>The bytes that are held.</summary>
    public long Held
    {
        get
        {
            lock (_gate)
            {
                return _held;
            }
        }
    }

    /// <summary>Takes memory for a team.</summary>
    /// <returns>Whether there is room.</returns>
    public bool TryTake(string team, long bytes)
    {
        lock (_gate)
        {
            var ofTeam = _teams.GetValueOrDefault(team) + bytes;
            if (ofTeam > MaxBytesOfTeam || _held + bytes > MaxBytes)
            {
                return false;
            }

            _teams[team] = ofTeam;
            _held += bytes;
            return true;
        }
    }

    /// <summary>Returns memory of a team.</summary>
    public void Return(string team, long bytes)
    {
        lock (_gate)
        {
            _held -= bytes;
            if ((_teams[team] -= bytes) == 0)
            {
                _teams.Remove(team);
            }
        }
    }
}
