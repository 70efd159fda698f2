using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Soak.Chaos;

/// <summary>Makes one call after the other, through the gateway or directly to an upstream.</summary>
internal sealed class ChaosCaller : IDisposable
{
    private const int LongestPause = 60;
    private const int EmbeddingEndpoint = 4;

    // A client that disconnects waits for this long for the bytes that it wants to see.
    private static readonly TimeSpan LongestStay = TimeSpan.FromSeconds(3);

    private static readonly string[] Faults =
        [.. FakeOpenRouter.Faults.All.Where(fault => fault != FakeOpenRouter.Faults.Down).Select(fault => fault.Name)];

    private readonly int _number;
    private readonly ChaosTarget _target;
    private readonly Action<ChaosCall> _report;
    private readonly Prng _calls;
    private readonly KeptConnection _kept;
    private Prng _prng = new(0);

    // ChaosTarget.Changes when the kept connection was opened.
    private int _keptChanges;

    /// <param name="number">The number of the client, which is also that of its team.</param>
    /// <param name="target">Where it calls.</param>
    /// <param name="report">Receives every call.</param>
    /// <param name="seed">The seed of all its calls.</param>
    public ChaosCaller(int number, ChaosTarget target, Action<ChaosCall> report, ulong seed)
    {
        _number = number;
        _target = target;
        _report = report;
        _calls = new Prng(seed);
        _kept = new KeptConnection(target.Port);
    }

    /// <summary>Makes calls until cancelled; the last one is completed.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        for (var number = 1; !stop.IsCancellationRequested; number++)
        {
            _prng = new Prng(_calls.Next());
            _report(await CallAsync(number));

            await Task.Delay(_prng.Below(LongestPause), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => _kept.Dispose();

    private static string NextFault(Prng prng) => prng.Below(100) switch
    {
        < 40 => ChaosCall.None,
        < 68 => ChaosCall.Episodes,
        < 95 => prng.Pick(Faults),
        _ => ChaosCall.Leave,
    };

    private static (string Path, string Body) Request(Prng prng, int endpoint, bool streams) =>
        endpoint == EmbeddingEndpoint ? Bodies.Embedding(prng) : Bodies.OfStream(prng, endpoint, streams);

    private async Task<ChaosCall> CallAsync(int number)
    {
        var fault = NextFault(_prng);
        var endpoint = _prng.Below(EmbeddingEndpoint + 1);
        var streams = endpoint != EmbeddingEndpoint && _prng.Chance(60);
        var isHttp2 = _target.HasHttp2 && _prng.Chance(50);
        var (path, body) = Request(_prng, endpoint, streams);
        var prefix = isHttp2 ? ChaosSettings.Http2Prefix : _target.Prefix;
        var id = $"{fault}.{_number}.{_target.Name}{number}";
        string[] script = fault switch
        {
            ChaosCall.None => ["x-fake-events: 3"],
            ChaosCall.Episodes => [],
            ChaosCall.Leave => ["x-fake-events: 100", "x-fake-interval-ms: 20", $"x-fake-first-byte-delay-ms: {_prng.Below(1000)}"],
            _ => [$"x-fake-fault: {fault}"],
        };
        var bytes = Encoding.UTF8.GetBytes(body);
        var head = RequestHead.Post(
            prefix + path[ChaosSettings.Http1Prefix.Length..], bytes.Length, SoakSettings.KeyOf(_number), [$"x-fake-id: {id}", .. script]);
        var call = new ChaosCall { Id = id, Fault = fault, Endpoint = endpoint, Streams = streams, IsHttp2 = isHttp2 };
        return await ExchangeAsync(call, head, bytes);
    }

    private async Task<ChaosCall> ExchangeAsync(ChaosCall call, string head, byte[] body)
    {
        await WaitForRestartAsync();
        var began = Stopwatch.GetTimestamp();
        var hangs = false;
        var answer = Answer.None;
        using var deadline = new CancellationTokenSource(call.Fault == ChaosCall.Leave ? LongestStay : _target.Patience);
        try
        {
            var connection = await _kept.GetAsync(deadline.Token);
            await connection.SendAsync(head, deadline.Token);
            await connection.SendAsync(body, deadline.Token);
            if (call.Fault == ChaosCall.Leave)
            {
                await connection.ReadSomeAsync(_prng.Below(4000), deadline.Token);
            }
            else
            {
                answer = await connection.ReadAnswerAsync(deadline.Token);
            }
        }
        catch (SocketException)
        {
            // The connection is refused or broken. The verdict knows whether it may be.
        }
        catch (OperationCanceledException)
        {
            hangs = call.Fault != ChaosCall.Leave;
        }

        var changes = _keptChanges;
        if (!answer.KeepsConnection || _prng.Chance(15))
        {
            _kept.Drop(reset: _prng.Chance(50));
        }

        return call with
        {
            Answer = answer,
            Hangs = hangs,
            Took = Stopwatch.GetElapsedTime(began),
            WasKilled = _target.Changes() != changes,
            MetOutage = _target.WasDownSince(call.IsHttp2, began),
        };
    }

    // The connections of a killed gateway are closed.
    private async Task WaitForRestartAsync()
    {
        var changes = await _target.WaitForRestartAsync();
        if (changes != _keptChanges)
        {
            _kept.Drop(reset: false);
            _keptChanges = changes;
        }
    }
}
