using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gateway.CommandLine;

namespace HopBenchmark;

/// <summary>Starts hops in front of an upstream, each on a free port of 127.0.0.1.</summary>
internal sealed class HopStarter
{
    public const string BasePath = "/api/v1";

    private const string RuleHeader = "x-gateway-rule";
    private const string ChatPath = BasePath + "/chat/completions";
    private const string OpenAIChatPath = "/v1/chat/completions";

    // Connections of the load and of probes beside idle ones.
    private const int OtherConnections = 100;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(1);

    private static readonly HttpClient Client = new(new SocketsHttpHandler { UseProxy = false, ActivityHeadersPropagator = null });

    private readonly string _folder;
    private readonly byte[] _probe;
    private readonly int _upstreamPort;

    /// <param name="folder">A folder for settings, logs and nginx's own files.</param>
    /// <param name="probe">The body of the request that checks whether a hop is ready.</param>
    /// <param name="upstreamPort">The upstream's port on 127.0.0.1.</param>
    public HopStarter(string folder, byte[] probe, int upstreamPort)
    {
        _folder = Directory.CreateDirectory(folder).FullName;
        _probe = probe;
        _upstreamPort = upstreamPort;
    }

    /// <summary>The base URL of the upstream for the gateway.</summary>
    private string UpstreamBaseUrl => $"http://127.0.0.1:{_upstreamPort}{BasePath}";

    /// <summary>A direct connection to chat completions at a port.</summary>
    public static Hop DirectTo(int port) => new(Hop.Direct, UrlOf(port, ChatPath), Process: null);

    /// <summary>Starts the scripted upstream.</summary>
    public Task<Hop> StartUpstreamAsync(string program) =>
        StartAsync(DirectTo(_upstreamPort), marksRule: false, "dotnet", program, "--no-record", "--port", Text(_upstreamPort));

    public Task<Hop> StartPlainYarpAsync(string program)
    {
        var port = FreePort();
        return StartAsync(
            new Hop(Hop.PlainYarp, UrlOf(port, ChatPath), Process: null),
            marksRule: false,
            "dotnet",
            program,
            "--contentRoot",
            Path.GetDirectoryName(program)!,
            "--urls",
            $"http://127.0.0.1:{port}",
            "--ReverseProxy:Clusters:upstream:Destinations:upstream:Address",
            $"http://127.0.0.1:{_upstreamPort}");
    }

    public Task<Hop> StartNginxAsync()
    {
        var port = FreePort();
        var file = Path.Combine(_folder, "nginx.conf");
        File.WriteAllText(file, NginxSettings(port));
        var hop = new Hop(Hop.Nginx, UrlOf(port, ChatPath), Process: null);
        return StartAsync(hop, marksRule: false, "nginx", "-p", _folder, "-c", file, "-e", "stderr");
    }

    /// <summary>Starts Portkey's gateway, whose clients send the upstream's address.</summary>
    public Task<Hop> StartPortkeyAsync(string script)
    {
        var port = FreePort();
        var hop = new Hop(Hop.Portkey, UrlOf(port, OpenAIChatPath), Process: null)
        {
            Headers = [new("x-portkey-provider", "openrouter"), new("x-portkey-custom-host", UpstreamBaseUrl)],
            MostRounds = 2,
        };
        return StartAsync(
            hop,
            marksRule: false,
            "env",
            "NODE_ENV=production",
            "TRUSTED_CUSTOM_HOSTS=127.0.0.1",
            "node",
            "--require",
            Path.Combine(AppContext.BaseDirectory, "loopback.cjs"),
            script,
            "--port=" + Text(port),
            "--headless");
    }

    /// <summary>Starts a published gateway. Its last rule matches the bodies of this benchmark.</summary>
    /// <param name="name">Its name in the tables.</param>
    /// <param name="program">The program, managed or native.</param>
    /// <param name="shape">The amount of its settings.</param>
    public async Task<Hop> StartGatewayAsync(string name, string program, GatewayShape shape)
    {
        var port = FreePort();
        var hop = new Hop(name, UrlOf(port, ChatPath), Process: null);
        if (shape.Teams > 0)
        {
            hop = hop with { Keys = shape.Keys, Admin = UrlOf(FreePort(), "/admin/"), Data = shape.Data ?? Path.Combine(_folder, $"data-{port}") };
        }

        WriteSettings(hop, File.ReadAllText(AppSettingsOf(program)), shape);
        string[] processors = shape.Processors is { } count ? ["taskset", "--cpu-list", string.Join(',', Processors().Take(count))] : [];
        string[] command = Path.GetExtension(program) == ".dll" ? ["dotnet", program] : [program];
        hop = await StartAsync(hop, marksRule: true, [.. processors, .. command, .. GatewayArguments(port)]);
        if (shape.Teams > 0)
        {
            await RefuseStrangerAsync(hop);
        }

        return hop;
    }

    /// <summary>Replaces the settings of a gateway, with all rules and teams changed. Returns the rule that matches then.</summary>
    public string Reload(Hop gateway, GatewayShape shape, int version)
    {
        WriteSettings(gateway, File.ReadAllText(SettingsOf(gateway.Url.Port)), shape, version);
        return GatewaySettings.LastRule(version);
    }

    /// <summary>Returns the rule that a gateway currently applies.</summary>
    public async Task<string?> RuleAsync(Hop gateway)
    {
        using var response = await ProbeAsync(gateway);
        return response.Headers.TryGetValues(RuleHeader, out var rules) ? rules.Single() : null;
    }

    /// <summary>Starts a gateway inside this program; it runs until the program ends.</summary>
    public Task<Hop> StartInProcessAsync(string folder)
    {
        var port = FreePort();
        var hop = new Hop(Hop.Gateway, UrlOf(port, ChatPath), Process: null);
        WriteSettings(hop, File.ReadAllText(Path.Combine(folder, "appsettings.json")), new GatewayShape());
        _ = Gateway.GatewayProgram.RunAsync(
            GatewayArguments(port), SettingsStartup.ProcessVariables(), Directory.GetCurrentDirectory(), TextWriter.Null, Console.Error);
        return ReadyAsync(hop, marksRule: true, Stopwatch.GetTimestamp());
    }

    /// <summary>A free port of 127.0.0.1.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    // The processors that this process and its children may use.
    private static IEnumerable<int> Processors()
    {
        var line = File.ReadLines("/proc/self/status").Single(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal));
        return line.Split(':')[1].Trim().Split(',').Select(range => range.Split('-')).SelectMany(range =>
            Enumerable.Range(Number(range[0]), Number(range[^1]) - Number(range[0]) + 1));

        static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    }

    private static string AppSettingsOf(string program) => Path.Combine(Path.GetDirectoryName(program)!, "appsettings.json");

    private static Uri UrlOf(int port, string path) => new($"http://127.0.0.1:{port}{path}");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private string OutputOf(string name) => Path.Combine(_folder, name.Replace(' ', '-') + ".log");

    private string SettingsOf(int port) => Path.Combine(_folder, $"settings-{port}.json");

    private string[] GatewayArguments(int port) =>
        ["--ip", "127.0.0.1", "--port", Text(port), "--openrouter-base-url", UpstreamBaseUrl, "--config", SettingsOf(port)];

    // The shipped settings, with the rules and teams of this benchmark.
    private void WriteSettings(Hop hop, string template, GatewayShape shape, int version = 0)
    {
        var settings = JsonNode.Parse(
            template,
            documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        settings["ProviderMapping"]!["Rules"] = GatewaySettings.Rules(shape.Rules, version);
        if (hop is { Data: { } data, Admin: { } admin })
        {
            Directory.CreateDirectory(data);
            var openRouterKey = Path.Combine(data, "openrouter-key");
            if (!File.Exists(openRouterKey))
            {
                File.WriteAllText(openRouterKey, "sk-or-v1-bench");
            }

            settings["Teams"] = GatewaySettings.Teams(shape, openRouterKey, version);
            settings["Usage"] = new JsonObject
            {
                ["Sqlite"] = new JsonObject { ["Path"] = Path.Combine(data, "usage.db") },
                ["PricesPath"] = Path.Combine(data, "prices.json"),
            };
            settings["Admin"] = new JsonObject { ["Url"] = admin.GetLeftPart(UriPartial.Authority) };
        }

        if (shape.IdleConnections is { } connections)
        {
            settings["Server"] ??= new JsonObject();
            settings["Server"]!["Limits"] = new JsonObject { ["MaxConnections"] = connections + OtherConnections, ["KeepAliveTimeout"] = "1.00:00:00" };
        }

        var port = hop.Url.Port;

        // Replaced atomically, like by an editor or a mounted volume.
        var next = SettingsOf(port) + ".next";
        File.WriteAllText(next, settings.ToJsonString());
        File.Move(next, SettingsOf(port), overwrite: true);
    }

    private async Task RefuseStrangerAsync(Hop hop)
    {
        using var response = await ProbeAsync(hop with { Keys = ["ogw-bench-stranger"] });
        if (response.StatusCode != HttpStatusCode.Unauthorized)
        {
            hop.Dispose();
            throw new InvalidOperationException($"{hop.Name} responds with {(int)response.StatusCode} to an unknown key: it has no teams");
        }
    }

    private async Task<HttpResponseMessage?> TryProbeAsync(Hop hop)
    {
        try
        {
            return await ProbeAsync(hop);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private async Task<HttpResponseMessage> ProbeAsync(Hop hop)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, hop.Url) { Content = new ByteArrayContent(_probe) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Authorization = new("Bearer", hop.Keys[0]);
        foreach (var (name, value) in hop.Headers)
        {
            request.Headers.Add(name, value);
        }

        return await Client.SendAsync(request);
    }

    private async Task<Hop> StartAsync(Hop hop, bool marksRule, params string[] command)
    {
        var start = Stopwatch.GetTimestamp();
        hop = hop with { Process = MeasuredProcess.Start(_folder, OutputOf(hop.Name), command[0], command[1..]) };
        try
        {
            return await ReadyAsync(hop, marksRule, start);
        }
        catch
        {
            hop.Dispose();
            throw;
        }
    }

    private async Task<Hop> ReadyAsync(Hop hop, bool marksRule, long start)
    {
        while (Stopwatch.GetElapsedTime(start) < Patience && hop.Process?.HasExited != true)
        {
            using var response = await ListensAsync(hop) ? await TryProbeAsync(hop) : null;
            if (response is { IsSuccessStatusCode: true })
            {
                return marksRule && !response.Headers.Contains(RuleHeader)
                    ? throw new InvalidOperationException($"{hop.Name} responds, but applied no rule")
                    : hop with { StartTime = Stopwatch.GetElapsedTime(start) };
            }

            await Task.Delay(BetweenAttempts);
        }

        var output = File.Exists(OutputOf(hop.Name)) ? string.Join(' ', File.ReadLines(OutputOf(hop.Name)).Take(5)) : "nothing";
        throw new InvalidOperationException($"{hop.Name} does not respond; its output: {output}");
    }

    private static async Task<bool> ListensAsync(Hop hop)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, hop.Url.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private string NginxSettings(int port) =>
        $$"""
        worker_processes 2;
        daemon off;
        pid {{_folder}}/nginx.pid;
        worker_rlimit_nofile 20000;
        events { worker_connections 16384; }
        http {
          access_log off;
          client_max_body_size 0;
          keepalive_requests 1000000000;
          client_body_temp_path {{_folder}}/nginx-body;
          proxy_temp_path {{_folder}}/nginx-proxy;
          fastcgi_temp_path {{_folder}}/nginx-fastcgi;
          uwsgi_temp_path {{_folder}}/nginx-uwsgi;
          scgi_temp_path {{_folder}}/nginx-scgi;
          upstream fake { server 127.0.0.1:{{_upstreamPort}}; keepalive 1024; keepalive_requests 1000000000; }
          server {
            listen 127.0.0.1:{{port}} backlog=4096;
            location / {
              proxy_pass http://fake;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_request_buffering off;
              proxy_buffering off;
            }
          }
        }
        """;
}
