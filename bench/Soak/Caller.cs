using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Soak;

/// <summary>
/// Simulates one client after another: makes a call, compares the response with the expected one, and makes the next call.
/// </summary>
internal sealed class Caller : IDisposable
{
    private const int LongestPause = 150;

    // The longest call is a stalled body: 30 s of grace.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static readonly int[] UpstreamStatuses = [429, 500, 502, 503, 529];

    private readonly string _name;
    private readonly Outcomes _outcomes;
    private readonly ClientSession _client;
    private readonly UnfinishedCalls _unfinished;

    /// <param name="name">The name in failure reports.</param>
    /// <param name="target">The gateway.</param>
    /// <param name="outcomes">Receives the outcomes.</param>
    /// <param name="seed">The seed of all its calls.</param>
    public Caller(string name, Target target, Outcomes outcomes, ulong seed)
    {
        _name = name;
        _outcomes = outcomes;
        _client = new ClientSession(target, seed);
        _unfinished = new UnfinishedCalls(_client);
    }

    private Prng Prng => _client.Prng;

    private SettingsChanger Settings => _client.Target.Settings;

    /// <summary>Makes calls until cancelled; the last one is completed.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            _client.Next();
            await CallAsync(CallMix.Next(Prng), $"{_name}, call {number}");
            if (_client.IsConnected && Prng.Chance(6))
            {
                // An idle client. Its connection is then closed or used again.
                await PauseAsync(Prng.Between(500, 6000), stop);
                if (Prng.Chance(60))
                {
                    _client.Drop(reset: Prng.Chance(50));
                }
            }

            await PauseAsync(Prng.Below(LongestPause), stop);
        }

        _client.Drop(reset: false);
    }

    public void Dispose() => _client.Dispose();

    private static async Task PauseAsync(int milliseconds, CancellationToken stop) =>
        await Task.Delay(milliseconds, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task CallAsync(CallKind kind, string name)
    {
        using var deadline = new CancellationTokenSource(Patience);
        _client.Deadline = deadline.Token;
        string? fault;
        try
        {
            fault = await PlayAsync(kind);
        }
        catch (SocketException broken)
        {
            fault = $"the connection broke while it was sent: {broken.SocketErrorCode}";
        }
        catch (OperationCanceledException)
        {
            fault = $"no end within {Patience.TotalSeconds} s";
        }
        catch (Exception garbled) when (garbled is FormatException or JsonException or InvalidDataException)
        {
            fault = $"an answer that cannot be read: {garbled.Message}";
        }

        _outcomes.Count(kind.ToString(), _client.Status);
        if (fault is not null)
        {
            _outcomes.Fail(kind.ToString(), name, fault);
            _client.Drop(reset: true);
        }
    }

    private Task<string?> PlayAsync(CallKind kind) => kind switch
    {
        CallKind.Short => ShortAsync(),
        CallKind.Conversation => ConversationAsync(),
        CallKind.Upload => UploadAsync(),
        CallKind.Stream => StreamAsync(),
        CallKind.LeaveBeforeHead => _unfinished.LeaveBeforeHeadAsync(),
        CallKind.LeaveInBody => _unfinished.LeaveInBodyAsync(),
        CallKind.LeaveInStream => _unfinished.LeaveInStreamAsync(),
        CallKind.LeaveInHead => _unfinished.LeaveInHeadAsync(),
        CallKind.SlowUpload => _unfinished.SlowUploadAsync(),
        CallKind.StalledUpload => _unfinished.StalledUploadAsync(),
        CallKind.StalledHead => _unfinished.StalledHeadAsync(),
        CallKind.WrongKey => RefusedAsync(_client.Chat(), "ogw-soak-stranger", 401, "invalid_api_key"),
        CallKind.BadBody => RefusedAsync(Bodies.NoObject(Prng), _client.OrdinaryKey(), 400, code: null),
        CallKind.UpstreamError => UpstreamErrorAsync(),
        CallKind.UpstreamCloses => RefusedAsync(_client.Chat(), _client.OrdinaryKey(), 502, "upstream_unreachable", "x-fake-close: 1"),
        CallKind.UpstreamCutsStream => UpstreamCutsStreamAsync(),
        CallKind.UpstreamCutsJson => UpstreamCutsJsonAsync(),
        CallKind.DeniedModel => RefusedAsync(_client.Chat(), SoakSettings.KeyOf(SoakSettings.Denied, Prng), 403, "model_not_allowed"),
        CallKind.ClosedEndpoint => ClosedEndpointAsync(),
        CallKind.NoBudget => RefusedAsync(_client.Chat(), SoakSettings.KeyOf(SoakSettings.Poor, Prng), 402, "budget_exceeded"),
        CallKind.NarrowLimit => NarrowLimitAsync(),
        CallKind.Guest => GuestAsync(),
        CallKind.Models => GetAsync("/v1/models", _client.Target.Port, "\"data\":["),
        CallKind.Health => GetAsync("/health", _client.Target.Port, "\"ready\":true"),
        CallKind.Metrics => GetAsync("/metrics", _client.Target.AdminPort, "gateway_requests_total"),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private async Task<string?> ShortAsync()
    {
        var (path, body) = Bodies.OfAnyEndpoint(Prng);
        List<string> script = [$"x-fake-size: {Prng.Below(20_000)}"];
        AddRarely(script, 10, $"x-fake-delay-ms: {Prng.Below(1500)}");
        AddRarely(script, 20, "x-fake-chunked: 1");
        AddRarely(script, 15, "x-fake-gzip: 1");
        AddRarely(script, 10, $"x-fake-split: {Prng.Between(50, 3000)}");
        var applied = Settings.Applied;
        var answer = await _client.PostAsync(path, ClientSession.Utf8(body), _client.OrdinaryKey(), [.. script]);
        return Expected.WholeJson(answer, Settings, applied);
    }

    private async Task<string?> ConversationAsync()
    {
        var applied = Settings.Applied;
        var answer = await _client.ChatAsync(Bodies.Chat(Prng, 100_000, stream: false), _client.OrdinaryKey());
        return Expected.WholeJson(answer, Settings, applied);
    }

    private async Task<string?> UploadAsync()
    {
        var body = Bodies.WithImage(Prng, Prng.Between(1, 20));
        var applied = Settings.Applied;
        var answer = await _client.PostAsync(ClientSession.ChatPath, body, _client.OrdinaryKey(), "x-fake-echo: 1");
        if (answer is not { Status: 200, IsComplete: true })
        {
            return answer.Describe();
        }

        // The response is the body that upstream received: the sent body, with the rule's provider inserted.
        var head = body.AsSpan().CommonPrefixLength(answer.Body);
        var inserted = answer.Body.Length - body.Length;
        if (inserted is < 0 or > 200 || !body.AsSpan(head).SequenceEqual(answer.Body.AsSpan(head + inserted)))
        {
            return $"{body.Length} bytes were sent, {answer.Body.Length} arrived, alike up to {head}";
        }

        var version = SoakSettings.VersionOf(answer.Header("x-gateway-rule"));
        var text = Encoding.UTF8.GetString(answer.Body.AsSpan(Math.Max(0, head - 20)..Math.Min(answer.Body.Length, head + inserted + 20)));
        return version is { } number && !text.Contains(SoakSettings.InsertedBy(number), StringComparison.Ordinal)
            ? $"the answer names rule {number}, and inserted was {text}"
            : Expected.Rule(answer, Settings, applied);
    }

    private async Task<string?> StreamAsync()
    {
        var endpoint = Prng.Below(3);
        var (path, body) = Bodies.OfStream(Prng, endpoint);
        var events = Prng.Between(3, 60);
        List<string> script = [$"x-fake-events: {events}"];
        AddRarely(script, 50, $"x-fake-interval-ms: {Prng.Between(1, 25)}");
        AddRarely(script, 20, "x-fake-keepalives: 3", "x-fake-keepalive-ms: 20");
        AddRarely(script, 20, $"x-fake-split: {Prng.Between(10, 300)}");
        AddRarely(script, 10, "x-fake-gzip: 1");
        AddRarely(script, 10, $"x-fake-size: {Prng.Below(100_000)}");
        var applied = Settings.Applied;
        var answer = await _client.PostAsync(path, ClientSession.Utf8(body), _client.OrdinaryKey(), [.. script]);
        if (answer is not { Status: 200, IsComplete: true })
        {
            return answer.Describe();
        }

        var expected = events + _client.Target.EventsAround[endpoint];
        var came = Expected.CountEvents(answer.Text);
        return came == expected ? Expected.Rule(answer, Settings, applied) : $"{came} events instead of {expected}";
    }

    private async Task<string?> UpstreamErrorAsync()
    {
        var status = Prng.Pick(UpstreamStatuses);
        var applied = Settings.Applied;
        var answer = await _client.ChatAsync(
            Bodies.Chat(Prng, 100, Prng.Chance(50)), _client.OrdinaryKey(), $"x-fake-status: {status}");
        return answer.Status == status && answer.IsComplete && !answer.IsOfGateway
            && answer.Text.Contains($"Scripted error {status}", StringComparison.Ordinal)
            ? Expected.Rule(answer, Settings, applied)
            : answer.Describe();
    }

    private async Task<string?> UpstreamCutsStreamAsync()
    {
        var events = Prng.Between(5, 40);
        var answer = await _client.ChatAsync(
            Bodies.Chat(Prng, 100, stream: true),
            _client.OrdinaryKey(),
            $"x-fake-events: {events}",
            $"x-fake-cut-after: {Prng.Between(1, events - 1)}");
        if (answer is not { Status: 0 or 200, IsComplete: false } || answer.Text.Contains("[DONE]", StringComparison.Ordinal))
        {
            return answer.Describe();
        }

        var last = answer.Text[Math.Max(0, answer.Text.LastIndexOf("data:", StringComparison.Ordinal))..];
        _outcomes.CountBreak(isSilent: !last.Contains("\"error\"", StringComparison.Ordinal));
        return null;
    }

    private async Task<string?> UpstreamCutsJsonAsync()
    {
        var size = Prng.Between(1000, 60_000);
        var answer = await _client.ChatAsync(
            _client.Chat(),
            _client.OrdinaryKey(),
            $"x-fake-size: {size}",
            $"x-fake-cut-at-byte: {Prng.Between(1, size - 500)}",
            $"x-fake-chunked: {Prng.Below(2)}");

        // The response must not end cleanly. If the abort follows the head at once, nothing was sent: the result is a proper error, or no
        // response at all, since an aborted connection discards unsent bytes.
        return answer is { Status: 0 or 200, IsComplete: false } or { Status: 502, IsOfGateway: true, IsComplete: true }
            ? null
            : answer.Describe();
    }

    private async Task<string?> ClosedEndpointAsync()
    {
        var path = Prng.Pick(["key", "credits", "generation/content?id=x"]);
        var request = $"GET /v1/{path} HTTP/1.1\r\nHost: gateway\r\nx-api-key: {_client.OrdinaryKey()}\r\n\r\n";
        var answer = await _client.ExchangeAsync(request, default);
        return Expected.Refused(answer, 403, "endpoint_not_allowed");
    }

    private async Task<string?> NarrowLimitAsync()
    {
        var applied = Settings.Applied;
        var answer = await _client.ChatAsync(_client.Chat(), SoakSettings.KeyOf(SoakSettings.Narrow, Prng));
        return answer.Status != 429 ? Expected.WholeJson(answer, Settings, applied)
            : answer.Header("Retry-After") is null ? "a 429 without Retry-After"
            : Expected.Refused(answer, 429, "rate_limit_exceeded");
    }

    private async Task<string?> GuestAsync()
    {
        var applied = Settings.Applied;
        var answer = await _client.ChatAsync(_client.Chat(), SoakSettings.KeyOf(SoakSettings.Guests, Prng));
        var wanted = answer.Status != 401;
        var versions = Enumerable.Range(applied, Settings.Written - applied + 1);
        return !versions.Any(version => SoakSettings.HasGuests(version) == wanted)
            ? $"{answer.Status}, and versions {applied} to {Settings.Written} say otherwise"
            : wanted ? Expected.WholeJson(answer, Settings, applied) : Expected.Refused(answer, 401, "invalid_api_key");
    }

    private async Task<string?> GetAsync(string path, int port, string expected)
    {
        var request = $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {_client.OrdinaryKey()}\r\n\r\n";
        Answer answer;
        if (port == _client.Target.Port)
        {
            answer = await _client.ExchangeAsync(request, default);
        }
        else
        {
            using var connection = await ClientConnection.OpenAsync(port, _client.Deadline);
            await connection.SendAsync(request, _client.Deadline);
            answer = await _client.ReadAsync(connection);
        }

        return answer is { Status: 200, IsComplete: true } && answer.Text.Contains(expected, StringComparison.Ordinal)
            ? null
            : answer.Describe();
    }

    private async Task<string?> RefusedAsync(string body, string key, int status, string? code, params string[] script) =>
        Expected.Refused(await _client.ChatAsync(body, key, script), status, code);

    private void AddRarely(List<string> script, int percent, params ReadOnlySpan<string> lines)
    {
        if (Prng.Chance(percent))
        {
            script.AddRange(lines);
        }
    }
}
