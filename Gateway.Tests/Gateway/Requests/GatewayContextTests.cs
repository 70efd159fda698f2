using Gateway.Billing;
using Gateway.Requests;
using Xunit;

namespace Gateway.Tests.Gateway.Requests;

public sealed class GatewayContextTests
{
    internal static TheoryData<string, Action<GatewayContext>, Action<GatewayContext>> Phases => new()
    {
        { "Team", context => _ = context.Route, context => context.Route = default },
        { "Team", context => _ = context.Snapshot, context => context.Route = default },
        { "Team", context => _ = context.Caller, context => context.Caller = default },
        { "Team", context => _ = context.Team, context => context.Caller = default },
        { "Admission", context => _ = context.Admission, context => context.Admission = default },
        {
            "Attempts",
            context => _ = context.Attempts,
            context => context.Attempts = new RequestAttempts(1, null, TimeProvider.System, CancellationToken.None)
        },
        { "Upstream", context => _ = context.Upstream, context => context.Upstream = default },
    };

    [Fact]
    public void Record_IsReadBehindItsPhaseOnlyAndSetOnce()
    {
        foreach (var (phase, read, set) in Phases.Select(row => row.Data))
        {
            var context = new GatewayContext { StartedAt = 0 };
            Assert.Contains($"phase {phase} ", Assert.Throws<InvalidOperationException>(() => read(context)).Message, StringComparison.Ordinal);
            set(context);
            read(context);
            Assert.Contains($"phase {phase} ", Assert.Throws<InvalidOperationException>(() => set(context)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Body_HasTheDefaultWhereThePhaseHadNothingToRead()
    {
        var context = new GatewayContext { StartedAt = 0 };
        Assert.Throws<InvalidOperationException>(() => context.Body);

        context.Caller = default;
        Assert.Equal(default, context.Body);

        context.Body = new RequestBodyRecord(default, "s");
        Assert.Equal("s", context.Body.Session);
        Assert.Throws<InvalidOperationException>(() => context.Body = default);
    }

    [Fact]
    public void End_KeepsTheFirst()
    {
        var context = new GatewayContext { StartedAt = 0 };
        Assert.Equal((RequestEnd.Completed, null), (context.End, context.RefusalCode));

        context.EndAs(RequestEnd.UpstreamBroke);
        context.EndAs(RequestEnd.Refused, "late");

        Assert.Equal((RequestEnd.UpstreamBroke, null), (context.End, context.RefusalCode));
    }

    [Fact]
    public void FirstByte_IsTheStreamsOwnWhereThereIsOne()
    {
        var context = new GatewayContext { StartedAt = 0 };
        Assert.Null(context.FirstByteAt);

        context.Upstream = new UpstreamRecord(200, 5);
        Assert.Equal(5, context.FirstByteAt);

        context.BodyBegan(7);
        context.BodyBegan(9);
        Assert.Equal(7, context.FirstByteAt);
    }
}
