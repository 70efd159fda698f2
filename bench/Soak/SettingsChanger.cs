using System.Diagnostics;
using System.Text.Json;

namespace Soak;

/// <summary>
/// Changes the gateway's settings every few seconds: new rules and teams, and sometimes an invalid file, written in place or moved into
/// place. Callers can query the versions that a response may come from.
/// </summary>
internal sealed class SettingsChanger : IDisposable
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);

    private readonly SoakSettings _settings;
    private readonly string _file;
    private readonly Uri _health;
    private readonly Outcomes _outcomes;
    private readonly Prng _prng;
    private readonly HttpClient _client = new();
    private int _applied;
    private int _written;

    /// <param name="settings">The settings.</param>
    /// <param name="file">The gateway's settings file.</param>
    /// <param name="port">The gateway's port.</param>
    /// <param name="bound">The time limit of a change. On an idle machine a change takes at most a second.</param>
    /// <param name="outcomes">Receives failed changes.</param>
    /// <param name="prng">Selects the changes.</param>
    public SettingsChanger(SoakSettings settings, string file, int port, TimeSpan bound, Outcomes outcomes, Prng prng)
    {
        Bound = bound;
        _settings = settings;
        _file = file;
        _health = new Uri($"http://127.0.0.1:{port}/health");
        _outcomes = outcomes;
        _prng = prng;
        File.WriteAllText(file, settings.Render(0));
    }

    /// <summary>The time limit of a change.</summary>
    public TimeSpan Bound { get; }

    /// <summary>The newest version that is known to be applied: the oldest one that a call started now can get.</summary>
    public int Applied => Volatile.Read(ref _applied);

    /// <summary>The newest version whose write has started: the newest one that a call ended now can have got.</summary>
    public int Written => Volatile.Read(ref _written);

    /// <summary>The number of valid changes that were applied.</summary>
    public int Changes { get; private set; }

    /// <summary>The number of invalid files that were rejected.</summary>
    public int Refusals { get; private set; }

    /// <summary>The longest time from a write to its application.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>Changes the settings until cancelled; the last change is valid.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_prng.Between(1500, 5000), stop);
                await BreakAndChangeAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await ChangeAsync();
        }
    }

    /// <summary>Changes the settings once, in a quarter of the cases after an invalid file.</summary>
    public async Task BreakAndChangeAsync(CancellationToken stop)
    {
        if (_prng.Chance(25))
        {
            await BreakAsync();
            await Task.Delay(_prng.Between(200, 2000), stop);
        }

        await ChangeAsync();
    }

    public void Dispose() => _client.Dispose();

    private async Task ChangeAsync()
    {
        var before = (await HealthAsync()).Version;
        var text = _settings.Render(_written + 1);
        Volatile.Write(ref _written, _written + 1);
        Write(text);
        if (await IsInTimeAsync(health => health.Status == "ok" && health.Version != before, $"version {_written} was not applied"))
        {
            Volatile.Write(ref _applied, _written);
            Changes++;
        }
    }

    private async Task BreakAsync()
    {
        var text = _settings.Render(_written + 1);
        Write(_prng.Below(3) switch
        {
            0 => text[..(text.Length / 2)],
            1 => text.Replace("\"Model\"", "\"Modle\"", StringComparison.Ordinal),
            _ => text.Replace("\"order\":[", "\"order\":[1,", StringComparison.Ordinal),
        });
        if (await IsInTimeAsync(health => health.Status == "degraded", "invalid settings were not detected"))
        {
            Refusals++;
        }
    }

    private void Write(string text)
    {
        if (_prng.Chance(50))
        {
            File.WriteAllText(_file, text);
        }
        else
        {
            File.WriteAllText(_file + ".new", text);
            File.Move(_file + ".new", _file, overwrite: true);
        }
    }

    private async Task<bool> IsInTimeAsync(Func<(string? Status, string? Version), bool> isThere, string fault)
    {
        var began = Stopwatch.GetTimestamp();
        while (!isThere(await HealthAsync()))
        {
            if (Stopwatch.GetElapsedTime(began) > Bound)
            {
                _outcomes.Fail("Settings", $"change {_written}", $"{fault} after {Bound.TotalSeconds} s");
                return false;
            }

            await Task.Delay(BetweenLooks);
        }

        var took = Stopwatch.GetElapsedTime(began);
        Slowest = took > Slowest ? took : Slowest;
        return true;
    }

    private async Task<(string? Status, string? Version)> HealthAsync()
    {
        try
        {
            await using var page = await _client.GetStreamAsync(_health);
            using var json = await JsonDocument.ParseAsync(page);
            return (json.RootElement.GetProperty("status").GetString(), json.RootElement.GetProperty("version").GetString());
        }
        catch (Exception fault) when (fault is HttpRequestException or JsonException or TaskCanceledException)
        {
            _outcomes.Fail("Settings", $"change {_written}", $"the health page: {fault.Message}");
            return default;
        }
    }
}
