using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace HopBenchmark;

/// <summary>Starts the upstream and the hops in front of it, each on a free port of 127.0.0.1.</summary>
internal sealed class HopStarter
{
    private const string BasePath = "/api/v1";
    private const string RuleHeader = "x-gateway-rule";
    private const string ChatPath = BasePath + "/chat/completions";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromMilliseconds(50);

    private readonly string _folder;
    private readonly byte[] _probe;
    private readonly int _upstreamPort = FreePort();

    /// <param name="folder">A folder of this run for settings, logs and nginx's own files.</param>
    /// <param name="probe">The request body that tells whether a hop is ready.</param>
    public HopStarter(string folder, byte[] probe)
    {
        _folder = folder;
        _probe = probe;
    }

    /// <summary>The base URL of the upstream, as the gateway takes it.</summary>
    public string UpstreamBaseUrl => $"http://127.0.0.1:{_upstreamPort}{BasePath}";

    public Task<Hop> StartUpstreamAsync(string program) =>
        StartAsync(Hop.Direct, _upstreamPort, marksRule: false, "dotnet", program, "--no-record", "--port", Text(_upstreamPort));

    public Task<Hop> StartPlainYarpAsync(string program)
    {
        var port = FreePort();
        return StartAsync(
            Hop.PlainYarp,
            port,
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
        return StartAsync(Hop.Nginx, port, marksRule: false, "nginx", "-p", _folder, "-c", file, "-e", "stderr");
    }

    /// <summary>Starts a published gateway with ten rules, of which the last one matches the bodies of this benchmark.</summary>
    public Task<Hop> StartGatewayAsync(string name, string program)
    {
        var port = FreePort();
        return StartAsync(name, port, marksRule: true, ["dotnet", program, .. GatewayArguments(Path.GetDirectoryName(program)!, port)]);
    }

    /// <summary>Starts a published gateway with two hundred teams, whose calls are counted and written into a ledger.</summary>
    public async Task<Hop> StartGatewayWithTeamsAsync(string name, string program)
    {
        var port = FreePort();
        var folder = Directory.CreateDirectory(Path.Combine(_folder, $"teams-{port}")).FullName;
        var arguments = GatewayArguments(Path.GetDirectoryName(program)!, port, settings => TeamSettings.AddTo(settings, folder));
        var hop = await StartAsync(name, port, marksRule: true, ["dotnet", program, .. arguments], TeamSettings.Keys);
        using var client = new HttpClient();
        using var request = NewProbe(hop with { Keys = ["ogw-bench-stranger"] });
        using var response = await client.SendAsync(request);
        if (response.StatusCode != HttpStatusCode.Unauthorized)
        {
            hop.Dispose();
            throw new InvalidOperationException($"{name} answers a stranger with {(int)response.StatusCode}: it knows no teams");
        }

        return hop;
    }

    /// <summary>Starts a gateway inside this program; it runs until the program ends.</summary>
    public Task<Hop> StartInProcessAsync(string folder)
    {
        var port = FreePort();
        _ = Gateway.GatewayProgram.RunAsync(GatewayArguments(folder, port), TextWriter.Null, Console.Error);
        return ReadyAsync(Hop.Gateway, port, marksRule: true, process: null);
    }

    // The settings are the shipped ones, with the rules of this benchmark.
    private string[] GatewayArguments(string folder, int port, Action<JsonNode>? change = null)
    {
        var settings = JsonNode.Parse(
            File.ReadAllText(Path.Combine(folder, "appsettings.json")),
            documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true })!;
        settings["ProviderMapping"]!["Rules"] = JsonNode.Parse(
            """
            [
              { "Model": "*anthropic/claude*", "Provider": { "order": [ "Anthropic", "Google" ] } },
              { "Model": "google/gemini-2.5-pro", "Provider": { "order": [ "Google" ] } },
              { "Model": "google/*", "Provider": { "order": [ "Google AI Studio" ] } },
              { "Model": [ "mistralai/*", "*/magistral*" ], "Provider": { "only": [ "mistral" ] } },
              { "Model": "*:free", "Provider": { "data_collection": "deny" } },
              { "Model": "meta-llama/*", "Provider": { "order": [ "DeepInfra", "Together" ] } },
              { "Model": "deepseek/*", "Provider": { "ignore": [ "deepseek" ] } },
              { "Model": "qwen/*coder*", "Provider": { "sort": "throughput" } },
              { "Model": "x-ai/*", "Provider": { "order": [ "xAI" ] } },
              { "Name": "last", "Model": "openai/*", "Provider": { "order": [ "Azure", "OpenAI" ] } }
            ]
            """);
        change?.Invoke(settings);
        var file = Path.Combine(_folder, $"settings-{port}.json");
        File.WriteAllText(file, settings.ToJsonString());
        return ["--ip", "127.0.0.1", "--port", Text(port), "--openrouter-base-url", UpstreamBaseUrl, "--config", file];
    }

    private async Task<Hop> ReadyAsync(
        string name, int port, bool marksRule, MeasuredProcess? process, IReadOnlyList<string>? keys = null)
    {
        var hop = new Hop(name, new Uri($"http://127.0.0.1:{port}{ChatPath}"), process);
        hop = keys is null ? hop : hop with { Keys = keys };
        using var client = new HttpClient();
        var attempts = Patience / BetweenAttempts;
        for (var attempt = 0; attempt < attempts && process?.HasExited != true; attempt++)
        {
            try
            {
                using var request = NewProbe(hop);
                using var response = await client.SendAsync(request);
                if (response.IsSuccessStatusCode)
                {
                    return marksRule && !response.Headers.Contains(RuleHeader)
                        ? throw new InvalidOperationException($"{name} answers, but has applied no rule")
                        : hop;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(BetweenAttempts);
        }

        throw new InvalidOperationException($"{name} does not answer; its output is in {OutputOf(name)}");
    }

    private HttpRequestMessage NewProbe(Hop hop)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, hop.Url) { Content = new ByteArrayContent(_probe) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Authorization = new("Bearer", hop.Keys[0]);
        return request;
    }

    private static int FreePort()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private string OutputOf(string name) => Path.Combine(_folder, name.Replace(' ', '-') + ".log");

    private Task<Hop> StartAsync(string name, int port, bool marksRule, params string[] command) =>
        StartAsync(name, port, marksRule, command, keys: null);

    private async Task<Hop> StartAsync(string name, int port, bool marksRule, string[] command, IReadOnlyList<string>? keys)
    {
        var process = MeasuredProcess.Start(_folder, OutputOf(name), command[0], command[1..]);
        try
        {
            return await ReadyAsync(name, port, marksRule, process, keys);
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    private string NginxSettings(int port) =>
        $$"""
        worker_processes 2;
        daemon off;
        pid {{_folder}}/nginx.pid;
        events { worker_connections 8192; }
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
