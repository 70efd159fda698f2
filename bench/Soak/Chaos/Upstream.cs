using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Soak.Chaos;

/// <summary>A scripted upstream as a process: one destination of the gateway.</summary>
internal sealed class Upstream : IDisposable
{
    // Episodes start a moment after the request that asks for them, since an outage aborts that request's connection as well.
    private const double Lead = 0.3;

    // The timer of a busy upstream is late.
    private const double Slack = 1;

    // Later than every timestamp, also with some seconds added.
    private const long Never = long.MaxValue / 2;

    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(100);

    private readonly ServedProcess _process;
    private readonly HttpClient _client;
    private readonly Lock _lock = new();
    private long _busyUntil;
    private long _downFrom = Never;
    private long _downUntil;

    private Upstream(string name, int port, ServedProcess process, Version version)
    {
        Name = name;
        Port = port;
        _process = process;
        Version = version;
        _client = Programs.ClientOf(version);
        _client.BaseAddress = new Uri($"http://127.0.0.1:{port}");
    }

    public string Name { get; }

    public int Port { get; }

    public Version Version { get; }

    /// <summary>The base address as a destination of the gateway.</summary>
    public string Address => $"http://127.0.0.1:{Port}/api/v1";

    /// <summary>Whether an episode is still in progress.</summary>
    public bool IsBusy => Stopwatch.GetTimestamp() < Volatile.Read(ref _busyUntil);

    /// <summary>Starts an upstream. The number makes its generation ids different from those of the others.</summary>
    public static async Task<Upstream> StartAsync(string program, string folder, int number, Version version)
    {
        var name = ((char)('a' + number)).ToString();
        var port = Programs.FreePort();
        string[] command =
        [
            "dotnet", program, "--no-record", "--book", "--port", Bodies.Number(port), "--seed", Bodies.Number(1_767_225_600 + number),
            .. version == HttpVersion.Version20 ? ["--http2"] : Array.Empty<string>(),
        ];
        var upstream = new Upstream(name, port, ServedProcess.Start(folder, "upstream-" + name, command), version);
        await Programs.WaitAsync(upstream._process, new Uri(upstream.Address + "/models"), version);
        return upstream;
    }

    /// <summary>Applies a fault to every so many requests without a fault of their own, for some seconds.</summary>
    public async Task BeginEpisodeAsync(string fault, double seconds, int every)
    {
        var range = string.Create(CultureInfo.InvariantCulture, $"[{Lead}, {Lead + seconds}]");
        var share = fault == "down" ? "" : $", \"every\": {Bodies.Number(every)}";

        // The upstream counts from the arrival of the request, which the end of the request follows.
        SetEnd(fault, Never);
        try
        {
            await PlayAsync($$"""{ "steps": [ { "fault": "{{fault}}", "seconds": {{range}}{{share}} } ] }""");
        }
        catch (HttpRequestException)
        {
            // The outage began before the response was sent, or the one before has not ended yet.
        }
        finally
        {
            SetEnd(fault, Stopwatch.GetTimestamp() + (long)((Lead + seconds + Slack) * Stopwatch.Frequency));
        }
    }

    /// <summary>Whether it was down at some time since then, or a while before.</summary>
    public bool WasDownSince(long began, TimeSpan before)
    {
        lock (_lock)
        {
            return _downFrom <= Stopwatch.GetTimestamp() && began <= _downUntil + (long)(before.TotalSeconds * Stopwatch.Frequency);
        }
    }

    /// <summary>Reads the book, after the end of the last episode.</summary>
    public async Task<JsonDocument> BookAsync()
    {
        while (IsBusy)
        {
            await Task.Delay(BetweenLooks);
        }

        await using var page = await _client.GetStreamAsync(new Uri("/__book", UriKind.Relative));
        return await JsonDocument.ParseAsync(page);
    }

    public void Dispose()
    {
        _client.Dispose();
        _process.Dispose();
    }

    private void SetEnd(string fault, long end)
    {
        lock (_lock)
        {
            Volatile.Write(ref _busyUntil, end);
            if (fault == "down")
            {
                _downFrom = end == Never ? Stopwatch.GetTimestamp() : _downFrom;
                _downUntil = end;
            }
        }
    }

    private async Task PlayAsync(string scenario)
    {
        using var content = new StringContent(scenario);
        using var response = await _client.PostAsync(new Uri("/__scenario", UriKind.Relative), content);
        response.EnsureSuccessStatusCode();
    }
}
