using System.Diagnostics;

namespace Soak.Chaos;

/// <summary>Everything that happens around the calls: kills, changed settings, and episodes of the upstreams, at times drawn from the seed.</summary>
internal sealed class Weather
{
    // These bills never arrive, or late, so that only calls that name the fault have it: the ledger check knows them.
    private static readonly string[] OfBills = ["late-bill", "missing-bill", "failing-bill"];

    // Kills end early: the memory of the last process is judged. Episodes end before the load does, so that bills can be asked for.
    private const double KillsUntil = 0.4;
    private const double EpisodesUntil = 0.85;

    private readonly KilledGateway _gateway;
    private readonly SettingsChanger _changer;
    private readonly Prng _prng;
    private readonly List<(TimeSpan At, Func<CancellationToken, Task> Do)> _events = [];

    public Weather(
        IReadOnlyList<Upstream> upstreams, KilledGateway gateway, SettingsChanger changer, TimeSpan load, Prng prng)
    {
        _gateway = gateway;
        _changer = changer;
        _prng = prng;
        var faults = FakeOpenRouter.Faults.All.Select(fault => fault.Name).Except(OfBills).ToArray();
        Shuffle(faults);
        var kills = Math.Max(1, (int)(load.TotalMinutes * 2));
        for (var kill = 0; kill < kills; kill++)
        {
            _events.Add((load * (KillsUntil * (kill + Share()) / kills), _ => KillAsync(load)));
        }

        var episode = 0;
        for (var at = TimeSpan.FromSeconds(1 + Share()); at < load * EpisodesUntil; at += TimeSpan.FromSeconds(1 + (2 * Share())))
        {
            // Every fourth episode is an outage; the others are each fault in turn.
            var fault = episode % 4 == 0 ? "down" : faults[episode % faults.Length];
            var (seconds, every, upstream) = (1 + (3 * Share()), _prng.Between(1, 3), _prng.Pick(upstreams));
            _events.Add((at, _ => EpisodeAsync(upstream, fault, seconds, every)));
            episode++;
        }

        for (var at = TimeSpan.FromSeconds(2 + Share()); at < load; at += TimeSpan.FromSeconds(2 + (3 * Share())))
        {
            _events.Add((at, _changer.BreakAndChangeAsync));
        }

        _events.Sort(static (one, other) => one.At.CompareTo(other.At));
    }

    private long _began;

    /// <summary>The number of episodes, of which outages.</summary>
    public (int All, int Outages) Episodes { get; private set; }

    /// <summary>Plays all events in order, one at a time, until cancelled. At the end the settings are valid.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        _began = Stopwatch.GetTimestamp();
        foreach (var (at, act) in _events)
        {
            var wait = at - Stopwatch.GetElapsedTime(_began);
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stop.IsCancellationRequested)
            {
                break;
            }

            await act(CancellationToken.None);
        }
    }

    // On a busy machine starts take long and events are late. The last process needs its time all the same; one kill is always made.
    private Task KillAsync(TimeSpan load) => _gateway.Kills == 0 || Stopwatch.GetElapsedTime(_began) < load * KillsUntil
        ? _gateway.KillAndStartAsync()
        : Task.CompletedTask;

    private async Task EpisodeAsync(Upstream upstream, string fault, double seconds, int every)
    {
        if (!upstream.IsBusy)
        {
            Episodes = (Episodes.All + 1, Episodes.Outages + (fault == "down" ? 1 : 0));
            await upstream.BeginEpisodeAsync(fault, seconds, every);
        }
    }

    private double Share() => _prng.Below(1000) / 1000.0;

    private void Shuffle(string[] items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = _prng.Below(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}
