namespace HopBenchmark;

/// <summary>The running hops, the direct connection first, and those that could not be started.</summary>
internal sealed class HopSet : IDisposable
{
    private readonly List<Hop> _hops = [];
    private readonly List<(string Name, string Reason)> _absent = [];

    public IReadOnlyList<Hop> Hops => _hops;

    public IReadOnlyList<(string Name, string Reason)> Absent => _absent;

    /// <summary>
    /// Starts hops one after another. A peer that does not start is absent; any other hop that does not start is a fault.
    /// </summary>
    public static async Task<HopSet> StartAsync(HopStarter starter, IEnumerable<HopRecipe> recipes, Hop? direct)
    {
        var set = new HopSet();
        if (direct is not null)
        {
            set._hops.Add(direct);
        }

        try
        {
            foreach (var recipe in recipes)
            {
                await set.AddAsync(starter, recipe);
            }

            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>A set with some of the hops, which this set still owns.</summary>
    public HopSet With(IEnumerable<Hop> some)
    {
        var set = new HopSet();
        set._hops.AddRange(some);
        set._absent.AddRange(_absent);
        return set;
    }

    public void Dispose()
    {
        foreach (var hop in _hops)
        {
            hop.Dispose();
        }
    }

    private async Task AddAsync(HopStarter starter, HopRecipe recipe)
    {
        if (recipe.StartAsync is not { } startAsync)
        {
            _absent.Add((recipe.Name, recipe.Absence));
            return;
        }

        try
        {
            _hops.Add(await startAsync(starter));
        }
        catch (InvalidOperationException fault) when (Hop.IsPeer(recipe.Name))
        {
            _absent.Add((recipe.Name, fault.Message));
        }
    }
}
