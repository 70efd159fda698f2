using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Soak;

/// <summary>
/// Simulates one client after another: makes a call, compares the response with the expected one, and makes the next call.
/// </summary>
internal sealed class Caller : IDisposable
{
    private const string ChatPath = "/v1/chat/completions";
    private const int LongestPause = 150;

    // The longest call is a stalled body: 30 s of grace.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static readonly int[] UpstreamStatuses = [429, 500, 502, 503, 529];

    private readonly string _name;
    private readonly Target _target;
    private readonly Outcomes _outcomes;
    private readonly Prng _calls;
    private ClientConnection? _kept;
    private Prng _prng = new(0);
    private CancellationToken _deadline;
    private int _status;

    /// <param name="name">The name in failure reports.</param>
    /// <param name="target">The gateway.</param>
    /// <param name="outcomes">Receives the outcomes.</param>
    /// <param name="seed">The seed of all its calls.</param>
    public Caller(string name, Target target, Outcomes outcomes, ulong seed)
    {
        _name = name;
        _target = target;
        _outcomes = outcomes;
        _calls = new Prng(seed);
    }

    /// <summary>Makes calls until cancelled; the last one is completed.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            _prng = new Prng(_calls.Next());
            await CallAsync(CallMix.Next(_prng), $"{_name}, call {number}");
            if (_kept is not null && _prng.Chance(6))
            {
                // An idle client. Its connection is then closed or used again.
                await PauseAsync(_prng.Between(500, 6000), stop);
                if (_prng.Chance(60))
                {
                    Drop(reset: _prng.Chance(50));
                }
            }

            await PauseAsync(_prng.Below(LongestPause), stop);
        }

        Drop(reset: false);
    }

    public void Dispose() => _kept?.Dispose();

    private static async Task PauseAsync(int milliseconds, CancellationToken stop) =>
        await Task.Delay(milliseconds, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task CallAsync(CallKind kind, string name)
    {
        using var deadline = new CancellationTokenSource(Patience);
        _deadline = deadline.Token;
        _status = 0;
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

        _outcomes.Count(kind.ToString(), _status);
        if (fault is not null)
        {
            _outcomes.Fail(kind.ToString(), name, fault);
            Drop(reset: true);
        }
    }

    private Task<string?> PlayAsync(CallKind kind) => kind switch
    {
        CallKind.Short => ShortAsync(),
        CallKind.Conversation => ConversationAsync(),
        CallKind.Upload => UploadAsync(),
        CallKind.Stream => StreamAsync(),
        CallKind.LeaveBeforeHead => LeaveBeforeHeadAsync(),
        CallKind.LeaveInBody => LeaveInBodyAsync(),
        CallKind.LeaveInStream => LeaveInStreamAsync(),
        CallKind.LeaveInHead => LeaveInHeadAsync(),
        CallKind.SlowUpload => SlowUploadAsync(),
        CallKind.StalledUpload => StalledUploadAsync(),
        CallKind.StalledHead => StalledHeadAsync(),
        CallKind.WrongKey => RefusedAsync(Chat(), "ogw-soak-stranger", 401, "invalid_api_key"),
        CallKind.BadBody => RefusedAsync(Bodies.NoObject(_prng), OrdinaryKey(), 400, code: null),
        CallKind.UpstreamError => UpstreamErrorAsync(),
        CallKind.UpstreamCloses => RefusedAsync(Chat(), OrdinaryKey(), 502, "upstream_unreachable", "x-fake-close: 1"),
        CallKind.UpstreamCutsStream => UpstreamCutsStreamAsync(),
        CallKind.UpstreamCutsJson => UpstreamCutsJsonAsync(),
        CallKind.DeniedModel => RefusedAsync(Chat(), SoakSettings.KeyOf(SoakSettings.Denied, _prng), 403, "model_not_allowed"),
        CallKind.ClosedEndpoint => ClosedEndpointAsync(),
        CallKind.NoBudget => RefusedAsync(Chat(), SoakSettings.KeyOf(SoakSettings.Poor, _prng), 402, "budget_exceeded"),
        CallKind.NarrowLimit => NarrowLimitAsync(),
        CallKind.Guest => GuestAsync(),
        CallKind.Models => GetAsync("/v1/models", _target.Port, "\"data\":["),
        CallKind.Health => GetAsync("/health", _target.Port, "\"ready\":true"),
        CallKind.Metrics => GetAsync("/metrics", _target.AdminPort, "gateway_requests_total"),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };

    private async Task<string?> ShortAsync()
    {
        var (path, body) = Bodies.OfAnyEndpoint(_prng);
        List<string> script = [$"x-fake-size: {_prng.Below(20_000)}"];
        AddRarely(script, 10, $"x-fake-delay-ms: {_prng.Below(1500)}");
        AddRarely(script, 20, "x-fake-chunked: 1");
        AddRarely(script, 15, "x-fake-gzip: 1");
        AddRarely(script, 10, $"x-fake-split: {_prng.Between(50, 3000)}");
        var applied = _target.Settings.Applied;
        return WholeJson(await PostAsync(path, Utf8(body), OrdinaryKey(), [.. script]), applied);
    }

    private async Task<string?> ConversationAsync()
    {
        var applied = _target.Settings.Applied;
        return WholeJson(await PostAsync(ChatPath, Utf8(Bodies.Chat(_prng, 100_000, stream: false)), OrdinaryKey()), applied);
    }

    private async Task<string?> UploadAsync()
    {
        var body = Bodies.WithImage(_prng, _prng.Between(1, 20));
        var applied = _target.Settings.Applied;
        var answer = await PostAsync(ChatPath, body, OrdinaryKey(), "x-fake-echo: 1");
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
            : Rule(answer, applied);
    }

    private async Task<string?> StreamAsync()
    {
        var endpoint = _prng.Below(3);
        var (path, body) = Bodies.OfStream(_prng, endpoint);
        var events = _prng.Between(3, 60);
        List<string> script = [$"x-fake-events: {events}"];
        AddRarely(script, 50, $"x-fake-interval-ms: {_prng.Between(1, 25)}");
        AddRarely(script, 20, "x-fake-keepalives: 3", "x-fake-keepalive-ms: 20");
        AddRarely(script, 20, $"x-fake-split: {_prng.Between(10, 300)}");
        AddRarely(script, 10, "x-fake-gzip: 1");
        AddRarely(script, 10, $"x-fake-size: {_prng.Below(100_000)}");
        var applied = _target.Settings.Applied;
        var answer = await PostAsync(path, Utf8(body), OrdinaryKey(), [.. script]);
        if (answer is not { Status: 200, IsComplete: true })
        {
            return answer.Describe();
        }

        var expected = events + _target.EventsAround[endpoint];
        var came = CountEvents(answer.Text);
        return came == expected ? Rule(answer, applied) : $"{came} events instead of {expected}";
    }

    private async Task<string?> LeaveBeforeHeadAsync()
    {
        using var connection = await ConnectAsync();
        var body = Utf8(Bodies.Chat(_prng, _prng.Between(10, 1000), stream: _prng.Chance(60)));
        await connection.SendAsync(Head(ChatPath, body.Length, $"x-fake-delay-ms: {_prng.Between(300, 3000)}"), _deadline);
        await connection.SendAsync(body, _deadline);
        await Task.Delay(_prng.Below(250), _deadline);
        connection.Leave(reset: _prng.Chance(50));
        return null;
    }

    private async Task<string?> LeaveInBodyAsync()
    {
        using var connection = await ConnectAsync();
        var body = _prng.Chance(15)
            ? Bodies.WithImage(_prng, _prng.Between(1, 10))
            : Utf8(Bodies.Chat(_prng, _prng.Between(1000, 100_000), stream: _prng.Chance(50)));
        await connection.SendAsync(Head(ChatPath, body.Length), _deadline);
        await connection.SendAsync(body.AsMemory(0, _prng.Below(body.Length)), _deadline);
        await Task.Delay(_prng.Chance(30) ? _prng.Below(4000) : 0, _deadline);
        connection.Leave(reset: _prng.Chance(50));
        return null;
    }

    private async Task<string?> LeaveInStreamAsync()
    {
        using var connection = await ConnectAsync();
        var body = Utf8(Bodies.Chat(_prng, _prng.Between(10, 1000), stream: true));
        await connection.SendAsync(
            Head(ChatPath, body.Length, $"x-fake-events: {_prng.Between(100, 400)}", $"x-fake-interval-ms: {_prng.Between(5, 40)}"),
            _deadline);
        await connection.SendAsync(body, _deadline);
        await connection.ReadSomeAsync(_prng.Between(1, 8000), _deadline);
        var came = connection.Received;
        connection.Leave(reset: _prng.Chance(50));
        return came > 0 ? null : "the gateway closed the connection of a stream before its client did";
    }

    private async Task<string?> LeaveInHeadAsync()
    {
        using var connection = await ConnectAsync();
        var head = Head(ChatPath, 100);
        await connection.SendAsync(head[.._prng.Below(head.Length - 2)], _deadline);
        await Task.Delay(_prng.Below(1500), _deadline);
        connection.Leave(reset: _prng.Chance(50));
        return null;
    }

    private async Task<string?> SlowUploadAsync()
    {
        using var connection = await ConnectAsync();
        var body = Utf8(Bodies.Chat(_prng, _prng.Between(1000, 40_000), stream: false));
        var applied = _target.Settings.Applied;
        await connection.SendAsync(Head(ChatPath, body.Length), _deadline);
        var pieces = _prng.Between(5, 15);
        for (var i = 0; i < pieces; i++)
        {
            await connection.SendAsync(body.AsMemory((body.Length * i / pieces)..(body.Length * (i + 1) / pieces)), _deadline);
            await Task.Delay(_prng.Below(500), _deadline);
        }

        return WholeJson(await ReadAsync(connection), applied);
    }

    private async Task<string?> StalledUploadAsync()
    {
        using var connection = await ConnectAsync();
        var body = Utf8(Bodies.Chat(_prng, 2000, stream: false));
        await connection.SendAsync(Head(ChatPath, body.Length), _deadline);
        await connection.SendAsync(body.AsMemory(0, body.Length / 2), _deadline);
        return Refused(await ReadAsync(connection), 408, "request_timeout");
    }

    private async Task<string?> StalledHeadAsync()
    {
        using var connection = await ConnectAsync();
        await connection.SendAsync("POST /v1/chat/completions HTTP/1.1\r\nHost: gate", _deadline);
        var answer = await ReadAsync(connection);
        return answer.Status == 408 ? null : answer.Describe();
    }

    private async Task<string?> UpstreamErrorAsync()
    {
        var status = _prng.Pick(UpstreamStatuses);
        var applied = _target.Settings.Applied;
        var answer = await PostAsync(ChatPath, Utf8(Bodies.Chat(_prng, 100, _prng.Chance(50))), OrdinaryKey(), $"x-fake-status: {status}");
        return answer.Status == status && answer.IsComplete && !answer.IsOfGateway
            && answer.Text.Contains($"Scripted error {status}", StringComparison.Ordinal)
            ? Rule(answer, applied)
            : answer.Describe();
    }

    private async Task<string?> UpstreamCutsStreamAsync()
    {
        var events = _prng.Between(5, 40);
        var answer = await PostAsync(
            ChatPath,
            Utf8(Bodies.Chat(_prng, 100, stream: true)),
            OrdinaryKey(),
            $"x-fake-events: {events}",
            $"x-fake-cut-after: {_prng.Between(1, events - 1)}");
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
        var size = _prng.Between(1000, 60_000);
        var answer = await PostAsync(
            ChatPath,
            Utf8(Chat()),
            OrdinaryKey(),
            $"x-fake-size: {size}",
            $"x-fake-cut-at-byte: {_prng.Between(1, size - 500)}",
            $"x-fake-chunked: {_prng.Below(2)}");

        // The response must not end cleanly. If the abort follows the head at once, nothing was sent: the result is a proper error, or no
        // response at all, since an aborted connection discards unsent bytes.
        return answer is { Status: 0 or 200, IsComplete: false } or { Status: 502, IsOfGateway: true, IsComplete: true }
            ? null
            : answer.Describe();
    }

    private async Task<string?> ClosedEndpointAsync()
    {
        var path = _prng.Pick(["key", "credits", "generation/content?id=x"]);
        var answer = await ExchangeAsync($"GET /v1/{path} HTTP/1.1\r\nHost: gateway\r\nx-api-key: {OrdinaryKey()}\r\n\r\n", default);
        return Refused(answer, 403, "endpoint_not_allowed");
    }

    private async Task<string?> NarrowLimitAsync()
    {
        var applied = _target.Settings.Applied;
        var answer = await PostAsync(ChatPath, Utf8(Chat()), SoakSettings.KeyOf(SoakSettings.Narrow, _prng));
        return answer.Status != 429 ? WholeJson(answer, applied)
            : answer.Header("Retry-After") is null ? "a 429 without Retry-After"
            : Refused(answer, 429, "rate_limit_exceeded");
    }

    private async Task<string?> GuestAsync()
    {
        var applied = _target.Settings.Applied;
        var answer = await PostAsync(ChatPath, Utf8(Chat()), SoakSettings.KeyOf(SoakSettings.Guests, _prng));
        var wanted = answer.Status != 401;
        var versions = Enumerable.Range(applied, _target.Settings.Written - applied + 1);
        return !versions.Any(version => SoakSettings.HasGuests(version) == wanted)
            ? $"{answer.Status}, and versions {applied} to {_target.Settings.Written} say otherwise"
            : wanted ? WholeJson(answer, applied) : Refused(answer, 401, "invalid_api_key");
    }

    private async Task<string?> GetAsync(string path, int port, string expected)
    {
        var request = $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {OrdinaryKey()}\r\n\r\n";
        Answer answer;
        if (port == _target.Port)
        {
            answer = await ExchangeAsync(request, default);
        }
        else
        {
            using var connection = new ClientConnection();
            await connection.ConnectAsync(port, _deadline);
            await connection.SendAsync(request, _deadline);
            answer = await ReadAsync(connection);
        }

        return answer is { Status: 200, IsComplete: true } && answer.Text.Contains(expected, StringComparison.Ordinal)
            ? null
            : answer.Describe();
    }

    private async Task<string?> RefusedAsync(string body, string key, int status, string? code, params string[] script) =>
        Refused(await PostAsync(ChatPath, Utf8(body), key, script), status, code);

    private static string? Refused(Answer answer, int status, string? code)
    {
        if (answer.Status != status || !answer.IsComplete || !answer.IsOfGateway)
        {
            return answer.Describe();
        }

        using var json = JsonDocument.Parse(answer.Body);
        var error = json.RootElement.GetProperty("error");
        return code is null || error.GetProperty("code").GetString() == code ? null : answer.Describe();
    }

    private string? WholeJson(Answer answer, int applied)
    {
        if (answer is not { Status: 200, IsComplete: true })
        {
            return answer.Describe();
        }

        using var json = JsonDocument.Parse(answer.Text);
        return json.RootElement.TryGetProperty("usage", out _) ? Rule(answer, applied) : "an answer without its usage";
    }

    // A request keeps the settings that it started with. They may be old, but not older than the version applied at its start.
    private string? Rule(Answer answer, int applied)
    {
        var rule = answer.Header("x-gateway-rule");
        return SoakSettings.VersionOf(rule) is { } version && version >= applied && version <= _target.Settings.Written
            ? null
            : $"rule {rule ?? "none"}, expected one of versions {applied} to {_target.Settings.Written}";
    }

    private static int CountEvents(string text)
    {
        var events = 0;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            events += line.StartsWith("data:") ? 1 : 0;
        }

        return events;
    }

    private void AddRarely(List<string> script, int percent, params ReadOnlySpan<string> lines)
    {
        if (_prng.Chance(percent))
        {
            script.AddRange(lines);
        }
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private string Chat() => Bodies.Chat(_prng, _prng.Between(10, 1000), stream: false);

    private string OrdinaryKey() => SoakSettings.KeyOf(SoakSettings.Ordinary, _prng);

    private string Head(string path, int length, params string[] script) => Head(path, length, OrdinaryKey(), script);

    private static string Head(string path, int length, string key, string[] script) =>
        $"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {length}\r\n{string.Concat(script.Select(line => line + "\r\n"))}\r\n";

    private Task<Answer> PostAsync(string path, byte[] body, string key, params string[] script) =>
        ExchangeAsync(Head(path, body.Length, key, script), body);

    // Uses the kept connection if there is one. The gateway keeps a connection longer than any client here is idle, so it must still be
    // open.
    private async Task<Answer> ExchangeAsync(string head, ReadOnlyMemory<byte> body)
    {
        var connection = _kept ??= await ConnectAsync();
        await connection.SendAsync(head, _deadline);
        await connection.SendAsync(body, _deadline);
        var answer = await ReadAsync(connection);
        if (!answer.KeepsConnection || _prng.Chance(15))
        {
            Drop(reset: _prng.Chance(20));
        }

        return answer;
    }

    private async Task<Answer> ReadAsync(ClientConnection connection)
    {
        var answer = await connection.ReadAnswerAsync(_deadline);
        _status = answer.Status;
        return answer;
    }

    private async Task<ClientConnection> ConnectAsync()
    {
        var connection = new ClientConnection();
        try
        {
            await connection.ConnectAsync(_target.Port, _deadline);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Drop(bool reset)
    {
        _kept?.Leave(reset);
        _kept = null;
    }
}
