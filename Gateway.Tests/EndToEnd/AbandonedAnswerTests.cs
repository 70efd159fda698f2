using Gateway.Billing;
using Gateway.Tests.Support;
using Gateway.Upstream;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: an answer that the gateway does not pass to its end leaves nothing behind.</summary>
public sealed class AbandonedAnswerTests
{
    [Fact]
    public async Task ClientThatLeavesBeforeTheFirstData_LeavesNoTimer()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new CountingTime();
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.WaitForCloseAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Upstream = upstream.BaseUrl;
            options.Time = time;
            options.Settings = ShippedSettings.WithValues(("Server:EventStreamHeaderDelay", "\"01:00:00\""));
        });

        await using (var client = await gateway.ConnectAsync())
        {
            await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""");
            await Eventually.TrueAsync(() => time.Live == 1, "the answer's timer");
        }

        await Eventually.TrueAsync(() => time.Live == 0, "its end");
    }

    /// <summary>The team receives an edited list. A timer that is left would end a later request on the same connection.</summary>
    [Fact]
    public async Task ListThatIsReplaced_LeavesNoTimer()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new CountingTime();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = "\"AllowedModels\": [\"openai/*\"]",
            Sections = [("Upstream", "{ \"TotalTimeout\": \"00:10:00\" }")],
            Time = time,
        });
        await using var client = await team.Gateway.ConnectAsync();

        await client.GetAsync("/v1/models", "x-api-key: " + TeamSetup.Key);
        var (head, body) = await client.ReadAsync();

        Assert.Equal((200, RawEnd.Complete), (head.Status, body.End));
        Assert.Contains("openai/", body.Text, StringComparison.Ordinal);
        Assert.True(time.Created > 0, "the answer had no timer");
        await Eventually.TrueAsync(() => time.Live == 0, "its end");
    }

    /// <summary>The part of an error that has arrived decides about the charge, also while the gateway waits for more of it.</summary>
    [Theory]
    [InlineData("402 Payment Required", "application/json", "", "{\"error\":", 10, GenerationState.Settled)]
    [InlineData("402 Payment Required", "application/json", "X-Generation-Id: gen-1-x\r\n", "{\"error\":", 10, GenerationState.Provisional)]
    [InlineData("429 Too Many Requests", "application/json", "", "{\"error\":", 3, GenerationState.Settled)]
    [InlineData("200 OK", "text/event-stream", "", "data: {\"error\":{\"code\":429}}\n\n", 1, GenerationState.Settled)]
    public async Task ClientThatLeavesWhileAnErrorIsLookedInto_IsChargedByTheError(
        string status, string type, string more, string begin, int waits, object state)
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new TimerCountingTime(TimeSpan.FromSeconds(waits));
        var before = 0;
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            var (head, _) = await connection.ReadRequestAsync();
            if (!head.StartsWith("POST", StringComparison.Ordinal))
            {
                // A question of the gateway's own.
                await connection.SendAsync("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                return;
            }

            before = time.Waits;
            await connection.SendAsync($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\n{more}Transfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync(begin);
            sent.TrySetResult();
            await connection.WaitForCloseAsync();
        });
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = time,
            KeepsDestinations = true,
            HasStoredPrices = true,
            Sections = [("ReverseProxy", Destinations.Of(upstream.BaseUrl, upstream.BaseUrl))],
        });

        await using (await team.SendAsync("/v1/chat/completions", TeamGateway.Body("\"stream\":true")))
        {
            await sent.Task.GuardAsync();
            await Eventually.TrueAsync(() => time.Waits > before, "the wait for the rest of the error");
        }

        LedgerRow? row = null;
        await time.AdvanceUntilAsync(
            TimeSpan.FromMilliseconds(10),
            async () => (row = (await team.RowsAsync()).SingleOrDefault()) is { State: not GenerationState.Reserved },
            "the end of the call");
        Assert.Equal(((GenerationState)state, 429 - (status.StartsWith("402", StringComparison.Ordinal) ? 27 : 0)), (row!.State, row.Status));
        Assert.Equal(state is GenerationState.Settled ? 0 : null, row.CostPico);
    }

    /// <summary>The system's clock, which counts the timers of answers.</summary>
    private sealed class CountingTime : TimeProvider
    {
        private int _live;
        private int _created;

        public int Live => Volatile.Read(ref _live);

        public int Created => Volatile.Read(ref _created);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            if (state is not AnswerTimers)
            {
                return timer;
            }

            Interlocked.Increment(ref _live);
            Interlocked.Increment(ref _created);
            return new Counted(this, timer);
        }

        private sealed class Counted(CountingTime owner, ITimer timer) : ITimer
        {
            private int _isDisposed;

            public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(dueTime, period);

            public ValueTask DisposeAsync()
            {
                Dispose();
                return default;
            }

            public void Dispose()
            {
                timer.Dispose();
                if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
                {
                    Interlocked.Decrement(ref owner._live);
                }
            }
        }
    }
}
