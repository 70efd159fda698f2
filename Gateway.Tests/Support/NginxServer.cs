using System.Diagnostics;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>Debian's nginx with TLS on 127.0.0.1 in front of a gateway, configured by the lines of samples/settings/README.md.</summary>
internal sealed partial class NginxServer : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LoopbackPort _port = LoopbackPort.Claim();
    private readonly List<string> _output = [];
    private Process? _process;

    private NginxServer()
    {
    }

    /// <summary>The lines as documented.</summary>
    public static string DocumentedLines { get; } =
        Block().Match(File.ReadAllText(Path.Combine(Repository.Root, "samples", "settings", "README.md"))).Groups["lines"].Value;

    public Uri Address => new($"https://127.0.0.1:{_port}");

    /// <summary>Starts it. Skips the test where nginx is not installed.</summary>
    public static async Task<NginxServer> StartAsync(Uri gateway)
    {
        Assert.SkipUnless(Programs.Find("nginx") is not null, "nginx is not installed.");
        var server = new NginxServer();
        try
        {
            await server.RunAsync(gateway);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        _port.Dispose();
        _folder.Dispose();
    }

    private async Task RunAsync(Uri gateway)
    {
        var (certificate, key) = TestCertificate.Create().WriteTo(_folder);
        var lines = Replaced(DocumentedLines, "server 127.0.0.1:3000;", $"server {gateway.Authority};");
        lines = Replaced(lines, "listen 443 ssl;", $"listen 127.0.0.1:{_port} ssl;");
        lines = Replaced(lines, "/etc/nginx/tls/cert.pem", certificate);
        lines = Replaced(lines, "/etc/nginx/tls/key.pem", key);

        // One process, so that ending it ends all of nginx.
        var folders = string.Concat(((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
            .Select(name => $"{name}_temp_path {_folder.File(name)};\n"));
        var path = _folder.Write(
            "nginx.conf",
            $"daemon off;\nmaster_process off;\npid {_folder.File("pid")};\nevents {{ }}\nhttp {{\naccess_log off;\n{folders}{lines}\n}}\n");
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(Programs.Find("nginx")!, ["-p", _folder.Path, "-c", path, "-e", "stderr"]) { RedirectStandardError = true },
        };
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.Start();
        _process.BeginErrorReadLine();
        await Eventually.TrueAsync(AcceptsAsync, "nginx to listen");
    }

    private void Note(string? line)
    {
        lock (_output)
        {
            _output.Add(line ?? "");
        }
    }

    private async Task<bool> AcceptsAsync()
    {
        if (_process!.HasExited)
        {
            lock (_output)
            {
                Assert.Fail("nginx ended:\n" + string.Join('\n', _output));
            }
        }

        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", _port.Number);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static string Replaced(string lines, string documented, string here)
    {
        Assert.Contains(documented, lines, StringComparison.Ordinal);
        return lines.Replace(documented, here, StringComparison.Ordinal);
    }

    [GeneratedRegex("^```nginx\n(?<lines>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Block();
}
