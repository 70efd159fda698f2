namespace Soak;

/// <summary>The calls of clients that disconnect, are slow, or stall.</summary>
internal sealed class UnfinishedCalls(ClientSession client)
{
    private Prng Prng => client.Prng;

    private CancellationToken Deadline => client.Deadline;

    /// <summary>Disconnects before the response starts.</summary>
    public async Task<string?> LeaveBeforeHeadAsync()
    {
        using var connection = await client.ConnectAsync();
        var body = ClientSession.Utf8(Bodies.Chat(Prng, Prng.Between(10, 1000), stream: Prng.Chance(60)));
        await connection.SendAsync(client.Head(ClientSession.ChatPath, body.Length, $"x-fake-delay-ms: {Prng.Between(300, 3000)}"), Deadline);
        await connection.SendAsync(body, Deadline);
        await Task.Delay(Prng.Below(250), Deadline);
        connection.Leave(reset: Prng.Chance(50));
        return null;
    }

    /// <summary>Disconnects in the middle of the body, sometimes after a pause.</summary>
    public async Task<string?> LeaveInBodyAsync()
    {
        using var connection = await client.ConnectAsync();
        var body = Prng.Chance(15)
            ? Bodies.WithImage(Prng, Prng.Between(1, 10))
            : ClientSession.Utf8(Bodies.Chat(Prng, Prng.Between(1000, 100_000), stream: Prng.Chance(50)));
        await connection.SendAsync(client.Head(ClientSession.ChatPath, body.Length), Deadline);
        await connection.SendAsync(body.AsMemory(0, Prng.Below(body.Length)), Deadline);
        await Task.Delay(Prng.Chance(30) ? Prng.Below(4000) : 0, Deadline);
        connection.Leave(reset: Prng.Chance(50));
        return null;
    }

    /// <summary>Disconnects in the middle of a stream.</summary>
    public async Task<string?> LeaveInStreamAsync()
    {
        using var connection = await client.ConnectAsync();
        var body = ClientSession.Utf8(Bodies.Chat(Prng, Prng.Between(10, 1000), stream: true));
        await connection.SendAsync(
            client.Head(
                ClientSession.ChatPath,
                body.Length,
                $"x-fake-events: {Prng.Between(100, 400)}",
                $"x-fake-interval-ms: {Prng.Between(5, 40)}"),
            Deadline);
        await connection.SendAsync(body, Deadline);
        await connection.ReadSomeAsync(Prng.Between(1, 8000), Deadline);
        var came = connection.Received;
        connection.Leave(reset: Prng.Chance(50));
        return came > 0 ? null : "the gateway closed the connection of a stream before its client did";
    }

    /// <summary>Disconnects in the middle of the request head.</summary>
    public async Task<string?> LeaveInHeadAsync()
    {
        using var connection = await client.ConnectAsync();
        var head = client.Head(ClientSession.ChatPath, 100);
        await connection.SendAsync(head[..Prng.Below(head.Length - 2)], Deadline);
        await Task.Delay(Prng.Below(1500), Deadline);
        connection.Leave(reset: Prng.Chance(50));
        return null;
    }

    /// <summary>Sends the body in pieces over seconds.</summary>
    public async Task<string?> SlowUploadAsync()
    {
        using var connection = await client.ConnectAsync();
        var body = ClientSession.Utf8(Bodies.Chat(Prng, Prng.Between(1000, 40_000), stream: false));
        var applied = client.Target.Settings.Applied;
        await connection.SendAsync(client.Head(ClientSession.ChatPath, body.Length), Deadline);
        var pieces = Prng.Between(5, 15);
        for (var i = 0; i < pieces; i++)
        {
            await connection.SendAsync(body.AsMemory((body.Length * i / pieces)..(body.Length * (i + 1) / pieces)), Deadline);
            await Task.Delay(Prng.Below(500), Deadline);
        }

        return Expected.WholeJson(await client.ReadAsync(connection), client.Target.Settings, applied);
    }

    /// <summary>Stops in the middle of the body, and waits for the 408.</summary>
    public async Task<string?> StalledUploadAsync()
    {
        using var connection = await client.ConnectAsync();
        var body = ClientSession.Utf8(Bodies.Chat(Prng, 2000, stream: false));
        await connection.SendAsync(client.Head(ClientSession.ChatPath, body.Length), Deadline);
        await connection.SendAsync(body.AsMemory(0, body.Length / 2), Deadline);
        return Expected.Refused(await client.ReadAsync(connection), 408, "request_timeout");
    }

    /// <summary>Stops in the middle of the head, and waits for the 408.</summary>
    public async Task<string?> StalledHeadAsync()
    {
        using var connection = await client.ConnectAsync();
        await connection.SendAsync("POST /v1/chat/completions HTTP/1.1\r\nHost: gate", Deadline);
        var answer = await client.ReadAsync(connection);
        return answer.Status == 408 ? null : answer.Describe();
    }
}
