using System.Net;
using Gateway.Tests.Support;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// A gateway that can be ended at any moment and comes back over the same folder, on another port: a process that is killed, or, for a test
/// with a clock, a gateway inside the test's process that stops for a time.
/// </summary>
internal sealed class StormGateway : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Func<StormGateway, Task<Running>> _start;
    private readonly Action _whileStopped;
    private Running? _running;
    private Uri? _address;
    private int _deaths;

    private StormGateway(Func<StormGateway, Task<Running>> start, Action whileStopped)
    {
        _start = start;
        _whileStopped = whileStopped;
    }

    /// <summary>The folder of the gateway: its settings, and the files that it writes.</summary>
    public TempFolder Folder => _folder;

    /// <summary>Where it listens; <see langword="null"/> while it is dead.</summary>
    public Uri? Address => Volatile.Read(ref _address);

    /// <summary>How often it was killed or stopped, twice for each.</summary>
    public int Deaths => Volatile.Read(ref _deaths);

    /// <summary>Starts a process, which is killed with SIGKILL.</summary>
    /// <param name="upstream">The base URL of upstream.</param>
    /// <param name="settings">The settings, given the gateway's folder.</param>
    /// <param name="environment">The variables that the settings refer to.</param>
    public static Task<StormGateway> StartAsync(
        string upstream, Func<TempFolder, string> settings, IReadOnlyDictionary<string, string>? environment = null)
    {
        return StartAsync(new StormGateway(StartProcessAsync, static () => { }), settings);

        async Task<Running> StartProcessAsync(StormGateway gateway)
        {
            string[] arguments =
            [
                "--config", gateway.SettingsPath, "--ip", IPAddress.Loopback.ToString(), "--port", "0",
                "--openrouter-base-url", upstream,
            ];
            var process = GatewayProcess.Start(arguments, gateway._folder.Path, environment);
            try
            {
                return new Running(await process.WaitForAddressAsync(upstream), process);
            }
            catch
            {
                await process.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Starts a gateway inside the test's process, which is stopped as by a signal and stays away for a time of the clock.</summary>
    /// <param name="upstream">The base URL of upstream.</param>
    /// <param name="settings">The settings, given the gateway's folder.</param>
    /// <param name="time">The clock of the gateway.</param>
    /// <param name="away">The time that passes while it is stopped.</param>
    public static Task<StormGateway> StartInsideAsync(
        string upstream, Func<TempFolder, string> settings, SkippingTime time, TimeSpan away)
    {
        return StartAsync(new StormGateway(StartHostAsync, () => time.Skip(away)), settings);

        async Task<Running> StartHostAsync(StormGateway gateway)
        {
            var host = await GatewayHost.StartAsync(options =>
            {
                options.Upstream = upstream;
                options.Settings = File.ReadAllText(gateway.SettingsPath);
                options.Time = time;
            });
            return new Running(host.Address, host);
        }
    }

    /// <summary>Kills or stops the gateway, and starts it again.</summary>
    public async Task EndAndRestartAsync()
    {
        // Counted before and after the end: a call that sees the same number at its begin and end ran without one. A call that sees the
        // first increment must not see the address.
        Volatile.Write(ref _address, null);
        Interlocked.Increment(ref _deaths);
        await EndAsync();
        _whileStopped();
        Interlocked.Increment(ref _deaths);
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _folder.Dispose();
    }

    private string SettingsPath => _folder.File("appsettings.json");

    private static async Task<StormGateway> StartAsync(StormGateway gateway, Func<TempFolder, string> settings)
    {
        try
        {
            gateway._folder.Write("appsettings.json", settings(gateway._folder));
            await gateway.StartAsync();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    private async Task StartAsync()
    {
        _running = await _start(this);
        using var client = new HttpClient { BaseAddress = _running.Address };
        await Eventually.TrueAsync(
            async () =>
            {
                using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return answer.IsSuccessStatusCode;
            },
            "a gateway that is ready");
        Volatile.Write(ref _address, _running.Address);
    }

    private async Task EndAsync()
    {
        if (_running is { } running)
        {
            _running = null;
            await running.Program.DisposeAsync();
        }
    }

    private sealed record Running(Uri Address, IAsyncDisposable Program);
}
