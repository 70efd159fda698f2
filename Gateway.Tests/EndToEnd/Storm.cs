using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Threading.Channels;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Calls of all kinds from several workers at once, most of which go wrong in some way, while gateways are killed or stopped. It knows
/// nothing of money. The same seed makes the same calls; the machine determines which calls and kills coincide.
/// </summary>
internal sealed class Storm
{
    /// <summary>Names a seed, to make the calls of a run that failed again.</summary>
    public const string SeedVariable = "GATEWAY_STORM_SEED";

    /// <summary>Names how many calls a storm has, for one that is longer than the tests' own.</summary>
    public const string OperationsVariable = "GATEWAY_STORM_OPERATIONS";

    private const int MaxRetries = 2;

    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(300);

    private readonly IReadOnlyList<StormGateway> _gateways;
    private readonly IReadOnlyList<StormKey> _keys;
    private readonly ulong _seed;
    private readonly ConcurrentBag<StormOutcome> _outcomes = [];
    private int _begun;

    /// <param name="gateways">Gateways that share one ledger.</param>
    /// <param name="keys">One for each worker.</param>
    /// <param name="seed">The seed; without one that of <see cref="SeedVariable"/>, or a new one.</param>
    public Storm(IReadOnlyList<StormGateway> gateways, IReadOnlyList<StormKey> keys, ulong? seed = null)
    {
        _gateways = gateways;
        _keys = keys;
        _seed = seed ?? NumberIn(SeedVariable) ?? (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        TestContext.Current.TestOutputHelper?.WriteLine($"{SeedVariable}={_seed}");
    }

    /// <summary>The outcomes that the clients saw.</summary>
    public IReadOnlyCollection<StormOutcome> Outcomes => _outcomes;

    /// <summary>The seed, for messages.</summary>
    public ulong Seed => _seed;

    /// <summary>Runs so many calls, unless <see cref="OperationsVariable"/> names another number, and so many kills among them.</summary>
    public async Task RunAsync(int operations, int kills)
    {
        if (NumberIn(OperationsVariable) is { } more)
        {
            kills = (int)((ulong)kills * more / (ulong)operations);
            operations = (int)more;
        }

        var prng = new Prng(_seed * 0x9E3779B97F4A7C15);
        var killsAt = Enumerable.Range(0, kills)
            .Select(_ => (Operation: Below(prng, operations), Gateway: _gateways[Below(prng, _gateways.Count)]))
            .ToLookup(kill => kill.Operation, kill => kill.Gateway);
        var seeds = _keys.Select(_ => prng.Next()).ToArray();
        var dueKills = Channel.CreateUnbounded<StormGateway>();
        var killing = KillAsync(dueKills.Reader);
        await Task.WhenAll(
            _keys.Select((key, i) => Task.Run(() => WorkAsync(key, new Prng(seeds[i]), operations, killsAt, dueKills.Writer))));
        dueKills.Writer.Complete();
        await killing;
    }

    private static ulong? NumberIn(string variable) => ulong.TryParse(
        Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static int Below(Prng prng, int bound) => (int)((prng.Next() >> 16) % (ulong)bound);

    private async Task WorkAsync(
        StormKey key, Prng prng, int operations, ILookup<int, StormGateway> killsAt, ChannelWriter<StormGateway> dueKills)
    {
        int mine;
        for (var own = 1; (mine = Interlocked.Increment(ref _begun) - 1) < operations; own++)
        {
            foreach (var gateway in killsAt[mine])
            {
                await dueKills.WriteAsync(gateway);
            }

            var operation = StormOperation.Next(prng);
            var target = _gateways[Below(prng, _gateways.Count)];
            StormOutcome outcome;
            for (var attempt = 0; ; attempt++, own++)
            {
                outcome = await CallAsync(key, $"{key.Label}-{own}", operation, target);
                _outcomes.Add(outcome);

                // Clients repeat a call as SDKs do.
                if (attempt == MaxRetries || outcome.Status is not (429 or >= 500))
                {
                    break;
                }
            }
        }
    }

    private static async Task KillAsync(ChannelReader<StormGateway> due)
    {
        await foreach (var gateway in due.ReadAllAsync())
        {
            await gateway.EndAndRestartAsync();
        }
    }

    private static async Task<StormOutcome> CallAsync(StormKey key, string id, StormOperation operation, StormGateway gateway)
    {
        // Until it lives; nothing has been sent by then.
        var (connection, deaths) = await Eventually.GetAsync(() => ConnectAsync(gateway), "a gateway that lives");
        using var owned = connection;
        try
        {
            await PlayAsync(connection, key, id, operation);
        }
        catch (SocketException)
        {
            // The gateway, or its end, has broken the connection. The bytes that came until then count.
        }

        // Taken before the socket is let go, so that the head is still there.
        var head = connection.Head;
        connection.Reset();
        return new StormOutcome(
            id, operation, head?.Status, head?.Header("X-Generation-Id"), connection.IsComplete, gateway.Deaths != deaths)
        {
            Team = key.Team,
            RequestId = head?.Header("x-request-id"),
            Attempts = int.Parse(head?.Header("x-gateway-attempts") ?? "1", CultureInfo.InvariantCulture),
            IsOwnError = head?.Header("x-gateway-error") is not null,
            ReplacesAnAnswer = head?.Header("x-gateway-upstream-status") is not null,
        };
    }

    private static async Task<Attempt?> ConnectAsync(StormGateway gateway)
    {
        var deaths = gateway.Deaths;
        var connection = new StormConnection();
        try
        {
            await connection.ConnectAsync(gateway.Address ?? throw new SocketException((int)SocketError.ConnectionRefused));
            return new Attempt(connection, deaths);
        }
        catch (SocketException)
        {
            connection.Dispose();
            return null;
        }
    }

    private static async Task PlayAsync(StormConnection connection, StormKey key, string id, StormOperation operation)
    {
        var head =
            $"POST {operation.Path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {key.Key}\r\nConnection: close\r\n"
            + $"Content-Type: application/json\r\nContent-Length: {operation.Body.Length}\r\nx-fake-id: {id}\r\n"
            + string.Concat(operation.Script.Select(line => line + "\r\n")) + "\r\n";
        switch (operation.Kind)
        {
            case StormKind.LeaveInBody:
                await connection.SendAsync(head + operation.Body[..(operation.Body.Length / 2)]);
                break;
            case StormKind.LeaveBeforeHead:
                await connection.SendAsync(head + operation.Body);
#pragma warning disable RS0030 // When this client leaves; nothing is judged by it.
                await Task.Delay(operation.LeaveAfter);
#pragma warning restore RS0030
                break;
            case StormKind.LeaveAtByte:
                await connection.SendAsync(head + operation.Body);
                await connection.ReadAsync(operation.LeaveAtByte);
                break;
            case StormKind.Stall:
                await connection.SendAsync(head + operation.Body);
                await connection.ReadAsync(silence: Silence);
                break;
            default:
                await connection.SendAsync(head + operation.Body);
                await connection.ReadAsync();
                break;
        }
    }

    /// <summary>A connection, and how often its gateway had died before.</summary>
    private sealed record Attempt(StormConnection Connection, int Deaths);
}
