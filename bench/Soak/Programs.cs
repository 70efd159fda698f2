using System.Net;
using System.Net.Sockets;
using System.Text;
using HopBenchmark;

namespace Soak;

/// <summary>Publishes and starts the programs of a run.</summary>
internal static class Programs
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(50);

    /// <summary>Publishes the scripted upstream, and this clone's gateway unless a published one is given.</summary>
    public static async Task<(string GatewayFolder, string UpstreamProgram)> PublishAsync(string? gateway)
    {
        var root = FindRoot();
        var published = Path.Combine(AppContext.BaseDirectory, "published");
        var folder = gateway is not null
            ? Path.GetFullPath(gateway)
            : Path.GetDirectoryName(await Tool.PublishAsync(root, "Gateway", published))!;
        return (folder, await Tool.PublishAsync(root, "tools/FakeOpenRouter", published));
    }

    /// <summary>The command that starts a published gateway, ordinary or native.</summary>
    public static string[] Command(string folder)
    {
        var library = Path.Combine(folder, "Gateway.dll");
        return File.Exists(library) ? ["dotnet", library] : [Path.Combine(folder, "Gateway")];
    }

    /// <summary>The number of events besides text events in a stream of each of the first so many endpoints, as upstream sends them.</summary>
    public static async Task<IReadOnlyList<int>> EventsAroundAsync(int port, int endpoints)
    {
        var around = new List<int>();
        for (var endpoint = 0; endpoint < endpoints; endpoint++)
        {
            around.Add(await CountEventsAroundAsync(port, endpoint));
        }

        return around;
    }

    /// <summary>Waits until a page of a program responds with a success.</summary>
    public static async Task WaitAsync(ServedProcess process, Uri page, Version? version = null)
    {
        using var client = ClientOf(version ?? HttpVersion.Version11);
        var attempts = StartPatience / BetweenAttempts;
        for (var attempt = 0; attempt < attempts && !process.HasExited; attempt++)
        {
            try
            {
                using var response = await client.GetAsync(page);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // The program does not listen yet.
            }

            await Task.Delay(BetweenAttempts);
        }

        throw new InvalidOperationException($"{page} does not respond; its output is in {process.Output}");
    }

    /// <summary>A port of 127.0.0.1 that is free.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>A client that speaks exactly one version of HTTP, without TLS.</summary>
    public static HttpClient ClientOf(Version version) =>
        new() { DefaultRequestVersion = version, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };

    private static async Task<int> CountEventsAroundAsync(int port, int endpoint)
    {
        const int Texts = 3;
        var (path, body) = Bodies.OfStream(new Prng(0), endpoint);
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{port}/api{path}")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("x-fake-events", Bodies.Number(Texts));
        using var response = await client.SendAsync(request);
        var text = await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
        return Expected.CountEvents(text) - Texts;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OpenRouterGateway.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("This program publishes the gateway from its own clone: run it there.");
    }
}
