using System.Net.Http.Headers;
using System.Text;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Admission;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Promise: a call is charged the cost in its complete response, and an unknown cost is never zero.</summary>
public sealed class MeteredResponseTests
{
    private static readonly PicoDollars Limit = new(1_000_000);

    private readonly FakeTimeProvider _time = new();
    private readonly RecordingStores _stores = new();

    /// <summary>Responses with status 200: whether they are event streams, the text, the state and the charge.</summary>
    public static TheoryData<bool, string, object, int> Responses => new()
    {
        { false, """{"error":{"message":"m"}}""", GenerationState.Settled, 0 },
        { true, "data: {\"error\":{\"message\":\"m\"}}\n\ndata: [DONE]\n\n", GenerationState.Settled, 0 },
        { false, """{"id":"gen-1","error":{"message":"m"}}""", GenerationState.Provisional, 500 },
        { false, """{"id":"GEN-1","choices":[]}""", GenerationState.Unresolvable, 500 },
        { false, """{"id":"x-gen-1","choices":[]}""", GenerationState.Unresolvable, 500 },
        { false, """{"id":"gen-1","usage":{"cost":0.000000000007}}""", GenerationState.Settled, 7 },
        { true, "data: {\"id\":\"gen-1\",\"usage\":{\"cost\":0.000000000007}}\n\ndata: [DONE]\n\n", GenerationState.Settled, 7 },
        { true, "data: {\"id\":\"gen-1\",\"usage\":{\"cost\":0.000000000007}}\n\ndata: [DONE]", GenerationState.Settled, 7 },
        { true, "data: {\"id\":\"gen-1\",\"usage\":{\"cost\":0.000000000007}}\n\n", GenerationState.Provisional, 500 },
        { true, "data: {\"id\":\"gen-1\",\"usage\":{\"cost\":0.000000000007}}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n", GenerationState.Provisional, 500 },
        { true, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"m\"}}\n\ndata: [DONE]\n\n", GenerationState.Unresolvable, 500 },
        { true, "data: {\"id\":\"gen-1\"}\n\n", GenerationState.Provisional, 500 },
    };

    [Theory]
    [MemberData(nameof(Responses))]
    public async Task Response_DecidesTheCharge(bool isEventStream, string text, object state, int charge)
    {
        await using var call = await AdmitAsync();
        var response = call.Answered(200, isEventStream, namesJob: false, Headers());

        await response.ObserveAsync(Encoding.UTF8.GetBytes(text));
        await response.EndAsync();

        Assert.Equal(((GenerationState)state, new PicoDollars(charge)), (call.Settlement!.Value.Decision.State, call.Settlement.Value.Decision.Charge));
        Assert.Equal(isEventStream, response.IsEventStream);
    }

    /// <summary>A server may announce events and then fail with JSON.</summary>
    [Theory]
    [InlineData("{\"error\":{\"code\":503}}", GenerationState.Settled)]
    [InlineData("\uFEFF \r\n{\"error\":{\"code\":503}}", GenerationState.Settled)]
    [InlineData("{\"id\":\"gen-1\",\"error\":{\"code\":503}}", GenerationState.Provisional)]
    [InlineData("data: {\"error\":{\"code\":503}}\n\n", GenerationState.Settled)]
    [InlineData("<html>", GenerationState.Unresolvable)]
    public async Task ErrorUnderTheTypeOfEvents_IsReadAsWhatItIs(string text, object state)
    {
        foreach (var size in (int[])[1, 4, 100])
        {
            await using var call = await AdmitAsync();
            var response = call.Answered(503, isEventStream: true, namesJob: false, Headers());
            foreach (var part in Encoding.UTF8.GetBytes(text).Chunk(size))
            {
                await response.ObserveAsync(part);
            }

            await response.EndAsync();

            Assert.Equal((GenerationState)state, call.Settlement!.Value.Decision.State);
        }
    }

    [Fact]
    public async Task FirstData_IsTimedOnce()
    {
        await using var call = await AdmitAsync();
        var response = call.Answered(200, isEventStream: true, namesJob: false, Headers());
        await response.ObserveAsync(": a comment\n\n"u8.ToArray());
        Assert.Null(call.TimeToFirstToken);

        _time.Advance(TimeSpan.FromSeconds(2));
        await response.ObserveAsync("data: {\"id\":\"gen-1\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"u8.ToArray());
        _time.Advance(TimeSpan.FromSeconds(3));
        await response.ObserveAsync("data: {\"id\":\"gen-1\",\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n"u8.ToArray());
        await response.EndAsync();

        Assert.Equal(TimeSpan.FromSeconds(2), call.TimeToFirstToken);
        Assert.Equal(TimeSpan.FromSeconds(2), Assert.Single(_stores.Entries.OfType<LedgerEntry.Ended>()).TimeToFirstToken);
    }

    [Fact]
    public async Task IdOfAJob_IsTheCallsId()
    {
        await using var call = await AdmitAsync();
        var response = call.Answered(200, isEventStream: false, namesJob: true, Headers());

        await response.ObserveAsync("{\"id\":\"job-1\"}"u8.ToArray());
        await response.EndAsync();

        Assert.Equal("job-1", call.GenerationId);
    }

    [Fact]
    public async Task Call_IsCountedUnlessItsReservationFailed()
    {
        var call = Create();
        Assert.True(call.IsCounted);

        Assert.True((await call.ReserveAsync(Budget, Limit, includesByok: true)).IsGranted);
        Assert.True(call.IsCounted);

        _stores.IsBudgetSpent = true;
        var other = Create();
        Assert.False((await other.ReserveAsync(Budget, Limit, includesByok: true)).IsGranted);
        Assert.False(other.IsCounted);
    }

    private static BudgetKey Budget => new("t", BudgetPeriod.Total, DateTimeOffset.MinValue);

    private static HttpContentHeaders Headers()
    {
        var headers = new ByteArrayContent([]).Headers;
        headers.ContentLength = null;
        return headers;
    }

    private MeteredCall Create() => new(_stores, _stores, _time, _time.GetTimestamp(), NullLogger.Instance)
    {
        Id = Guid.CreateVersion7(),
        Reserved = new PicoDollars(500),
    };

    private async Task<MeteredCall> AdmitAsync()
    {
        var call = Create();
        await call.ReserveAsync(Budget, Limit, includesByok: true);
        call.Sent("a", "env:KEY");
        return call;
    }
}
