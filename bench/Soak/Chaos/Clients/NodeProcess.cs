using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Soak.Chaos.Clients;

/// <summary>The process of <c>clients.mjs</c>, which makes calls with the SDKs for Node.js.</summary>
internal sealed class NodeProcess : IDisposable
{
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly Task _reading;
    private readonly Task<string> _errors;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<SdkOutcome>> _waiting = new();
    private readonly Lock _writing = new();
    private int _numbers;

    private NodeProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        _reading = ReadAsync();
    }

    public static NodeProcess Start()
    {
        var start = new ProcessStartInfo("node", ["clients.mjs"])
        {
            WorkingDirectory = NodePackages.Folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // SDKs read many variables.
        var path = start.Environment["PATH"];
        start.Environment.Clear();
        start.Environment["PATH"] = path;
        return new NodeProcess(Process.Start(start)!);
    }

    /// <summary>Makes a call with an SDK.</summary>
    public async Task<SdkOutcome> CallAsync(string sdk, SdkCall call, CancellationToken giveUp)
    {
        var number = Interlocked.Increment(ref _numbers);
        var line = new JsonObject
        {
            ["number"] = number,
            ["sdk"] = sdk,
            ["api"] = call.Api.ToString().ToLowerInvariant(),
            ["stream"] = call.Streams,
            ["retries"] = call.Retries,
            ["address"] = call.Address,
            ["key"] = call.Key,
            ["id"] = call.Id,
            ["headers"] = new JsonObject { [call.Script.Name] = call.Script.Value },
        };
        var outcome = _waiting[number] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            lock (_writing)
            {
                _process.StandardInput.WriteLine(line.ToJsonString());
                _process.StandardInput.Flush();
            }
        }
        catch (IOException)
        {
            // Its input has no reader any more.
            return await DiedAsync();
        }

        return await outcome.Task.WaitAsync(giveUp);
    }

    /// <summary>Ends its input. Returns the fault of its end; <see langword="null"/> if there is none.</summary>
    public async Task<string?> EndAsync()
    {
        _process.StandardInput.Close();
        using var limit = new CancellationTokenSource(EndPatience);
        await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_process.HasExited)
        {
            return $"it did not end within {EndPatience.TotalSeconds} s";
        }

        await _reading;
        return _process.ExitCode != 0 ? $"exit code {_process.ExitCode}: {await _errors}" : null;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            if (_waiting.TryRemove(root.GetProperty("number").GetInt32(), out var waiting))
            {
                waiting.SetResult(new SdkOutcome
                {
                    Tries = root.GetProperty("tries").GetInt32(),
                    Text = root.TryGetProperty("text", out var text) ? text.GetString() : null,
                    Error = root.TryGetProperty("error", out var error) ? error.GetString() : null,
                    IsOwnError = root.TryGetProperty("own", out var own) && own.GetBoolean(),
                    Message = root.TryGetProperty("message", out var message) ? message.GetString() : null,
                });
            }
        }

        var died = await DiedAsync();
        foreach (var waiting in _waiting.Values)
        {
            waiting.TrySetResult(died);
        }
    }

    private async Task<SdkOutcome> DiedAsync() => new() { Tries = 0, Error = "the process ended", Message = await _errors };
}
