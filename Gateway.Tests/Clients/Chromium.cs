using System.Diagnostics;
using System.Text;
using Gateway.Tests.Support;

namespace Gateway.Tests.Clients;

/// <summary>A headless Chromium with a profile of its own, which shows one page.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    // The shell is Chromium without the window and its processes, which take most of a browser's processor time here.
    private static readonly string[] Names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

    private readonly TempFolder _profile = new();
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private Chromium(string program, string url)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            // The browser stays open as long as it can be debugged. Its sandbox does not work for root, as which containers run.
            "--headless=new", "--remote-debugging-port=0", "--no-sandbox", "--user-data-dir=" + _profile.Path,

            // Only the page's own requests.
            "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
            "--disable-default-apps", "--disable-extensions", "--disable-sync", "--no-proxy-server", url,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Why there is no browser here; <see langword="null"/> if there is one.</summary>
    public static string? Missing => Find() is null ? "Chromium is needed to test the gateway in a browser; it is not installed." : null;

    /// <summary>The program, if there is one here.</summary>
    public static string? Program => Find();

    /// <summary>The output of the browser so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Completes when the browser has ended by itself.</summary>
    public Task Exited => _process.WaitForExitAsync();

    public static Chromium Open(string url) => new(Find()!, url);

    public async ValueTask DisposeAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        _profile.Dispose();
    }

    private static string? Find() => Names.Select(Programs.Find).FirstOrDefault(static path => path is not null);

    private void Note(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
