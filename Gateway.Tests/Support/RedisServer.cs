using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>A real Redis on a free port of the loopback address, without persistence; tests stop, start and suspend it.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LoopbackPort _port = LoopbackPort.Claim();
    private Process? _process;

    private RedisServer()
    {
    }

    /// <summary>The configuration with which a client connects.</summary>
    public string Configuration => $"127.0.0.1:{_port},connectTimeout=1000";

    /// <summary>The same for a test without an outage, whose connection and commands may take their time.</summary>
    public string PatientConfiguration
    {
        get
        {
            var limit = (int)HangGuard.Limit.TotalMilliseconds;
            return string.Create(
                CultureInfo.InvariantCulture, $"127.0.0.1:{_port},connectTimeout=60000,syncTimeout={limit},asyncTimeout={limit}");
        }
    }

    /// <summary>Its address for <see cref="TlsFront" />.</summary>
    public string Url => $"tcp://127.0.0.1:{_port}";

    /// <summary>A server of its own, for a test that is going to harm it. Skips the test where Redis is not installed.</summary>
    /// <param name="isRunning">Whether it is started at once.</param>
    public static async Task<RedisServer> StartNewAsync(bool isRunning = true)
    {
        Assert.SkipUnless(Programs.Find("redis-server") is not null, "redis-server is not installed");
        var server = new RedisServer();
        if (isRunning)
        {
            await server.StartAsync();
        }

        return server;
    }

    /// <summary>Starts it, empty, on the same port.</summary>
    /// <param name="more">More arguments.</param>
    public async Task StartAsync(params string[] more)
    {
        var start = new ProcessStartInfo(Programs.Find("redis-server")!)
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments =
        [
            "--port", _port.ToString(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", _folder.Path, "--daemonize", "no", "--logfile", _folder.File("redis.log"), .. more,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        await Eventually.TrueAsync(IsAnsweringAsync, "Redis to answer");
    }

    /// <summary>Ends it at once, as <c>kill -9</c> does.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    /// <summary>Stops it from running while its connections stay open: slow, not dead.</summary>
    public Task SuspendAsync() => SignalAsync("STOP");

    /// <summary>Lets it run on.</summary>
    public Task ResumeAsync() => SignalAsync("CONT");

    /// <summary>Sends one command, words without blanks, and returns the first line of its answer.</summary>
    public async Task<string> SendAsync(string command)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, _port.Number);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadLineAsync() ?? "";
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _port.Dispose();
        _folder.Dispose();
    }

    private async Task<bool> IsAnsweringAsync()
    {
        try
        {
            return await SendAsync("PING") == "+PONG";
        }
        catch (SocketException)
        {
            return false;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }
}
