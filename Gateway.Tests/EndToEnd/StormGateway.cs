using System.Net;
using Gateway.Tests.Support;

namespace Gateway.Tests.EndToEnd;

/// <summary>A gateway as a process that can be killed at any moment and comes back over the same folder, on another port.</summary>
internal sealed class StormGateway : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _upstream;
    private readonly IReadOnlyDictionary<string, string> _environment;
    private GatewayProcess? _process;
    private Uri? _address;
    private int _deaths;

    private StormGateway(string upstream, IReadOnlyDictionary<string, string> environment)
    {
        _upstream = upstream;
        _environment = environment;
    }

    /// <summary>The folder of the gateway: its settings, and the files that it writes.</summary>
    public TempFolder Folder => _folder;

    /// <summary>Where it listens; <see langword="null"/> while it is dead.</summary>
    public Uri? Address => Volatile.Read(ref _address);

    /// <summary>How often it was killed.</summary>
    public int Deaths => Volatile.Read(ref _deaths);

    /// <summary>The output of the gateway since its last start.</summary>
    public string Output => _process?.Printed.Text ?? "";

    public static async Task<StormGateway> StartAsync(
        string upstream, string settings, IReadOnlyDictionary<string, string>? environment = null)
    {
        var gateway = new StormGateway(upstream, environment ?? new Dictionary<string, string>());
        try
        {
            gateway._folder.Write("appsettings.json", settings);
            await gateway.StartAsync();
            return gateway;
        }
        catch
        {
            await gateway.DisposeAsync();
            throw;
        }
    }

    /// <summary>Kills the gateway with SIGKILL, and starts it again.</summary>
    public async Task KillAndRestartAsync()
    {
        // Counted before and after the kill: a call that sees the same number at its begin and end ran without a kill. A call that sees the
        // first increment must not see the address.
        Volatile.Write(ref _address, null);
        Interlocked.Increment(ref _deaths);
        await _process!.DisposeAsync();
        Interlocked.Increment(ref _deaths);
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder.Dispose();
    }

    private async Task StartAsync()
    {
        string[] arguments =
        [
            "--config", _folder.File("appsettings.json"), "--ip", IPAddress.Loopback.ToString(), "--port", "0",
            "--openrouter-base-url", _upstream,
        ];
        _process = GatewayProcess.Start(arguments, _folder.Path, _environment);
        var address = await _process.WaitForAddressAsync(_upstream);
        using var client = new HttpClient { BaseAddress = address };
        await Eventually.TrueAsync(
            async () =>
            {
                using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return answer.IsSuccessStatusCode;
            },
            "a gateway that is ready");
        Volatile.Write(ref _address, address);
    }
}
