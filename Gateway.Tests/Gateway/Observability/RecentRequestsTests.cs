using System.Globalization;
using Gateway.Billing;
using Gateway.Observability;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Observability;

/// <summary>Promise: the latest requests are kept as they were, in bounded memory, and nothing waits for a reader or another writer.</summary>
public sealed class RecentRequestsTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 28, 23, 0, 0, TimeSpan.Zero);

    [Fact]
    public void OfTwentyThousand_TheLastTenThousandAreKept()
    {
        var recent = new RecentRequests(10_000);
        for (var i = 0; i < 20_000; i++)
        {
            recent.Add(Line(Id(i), new string('m', i % 300)), Details(i));
        }

        var kept = recent.Read().ToList();

        Assert.Equal(Enumerable.Range(0, 10_000).Select(i => Id(19_999 - i)), kept.Select(request => request.RequestId));
        Assert.InRange(recent.AllocatedBytes, 1, 10_240 * RequestSlot.Size);
        Assert.Equal((Id(10_000), Id(19_999)), (recent.Find(Id(10_000))?.RequestId, recent.Find(Id(19_999))?.RequestId));
        Assert.Null(recent.Find(Id(9_999)));
        Assert.Null(recent.Find(Id(19_999)[1..]));
        Assert.Null(recent.Find(""));
    }

    [Fact]
    public void UntilItIsFull_ItGrowsWithItsRequests()
    {
        var recent = new RecentRequests(10_000);
        Assert.Empty(recent.Read());
        Assert.Equal(0, recent.AllocatedBytes);

        recent.Add(Line(Id(0)), Details(0));

        Assert.Single(recent.Read());
        Assert.InRange(recent.AllocatedBytes, 1, 256 * RequestSlot.Size);
    }

    [Fact]
    public void WithoutCapacity_ItIsOff()
    {
        var recent = new RecentRequests(0);

        Assert.False(recent.IsOn);
        Assert.Empty(recent.Read());
    }

    [Fact]
    public void EveryMember_IsReadAsItWasWritten()
    {
        var recent = new RecentRequests(1);
        var row = Guid.CreateVersion7(Start);
        recent.Add(
            RequestLineTests.Full,
            new RequestDetails(Start, "own", Streams: true)
            {
                Row = row,
                State = GenerationState.Provisional,
                Cost = new PicoDollars(1234),
                UpstreamKey = "env:KEY",
            });

        var (line, kept) = (RequestLineTests.Full, Assert.Single(recent.Read()));

        var team = line.Team!;
        Assert.Equal(
            (row, Start, line.RequestId, "own", line.GenerationId, team.Id, team.Key, line.Method),
            (kept.Row, kept.Time, kept.RequestId, kept.OwnRequestId, kept.GenerationId, kept.Team, kept.Key, kept.Method));
        Assert.Equal(
            (line.Path, line.Status, line.Code, line.Model, line.SentModel, team.AnsweredModel, team.Provider, line.Rule),
            (kept.Path, kept.Status, kept.Code, kept.Model, kept.SentModel, kept.AnsweredModel, kept.Provider, kept.Rule));
        Assert.Equal(
            (true, team.PromptTokens, team.CompletionTokens, new PicoDollars(1234), GenerationState.Provisional),
            (kept.IsStream, kept.PromptTokens, kept.CompletionTokens, kept.Cost, kept.State));
        Assert.Equal(
            (line.FirstByte, team.FirstToken, line.Elapsed, line.Attempts, line.End.ToWord(), line.Destination, "env:KEY", line.SettingsVersion),
            (kept.FirstByteMs, kept.FirstTokenMs, kept.DurationMs, kept.Attempts, kept.End, kept.Destination, kept.UpstreamKey, kept.SettingsVersion));
    }

    [Fact]
    public void UnknownMembers_StayUnknown()
    {
        var recent = new RecentRequests(1);
        recent.Add(RequestLineTests.Empty, new RequestDetails(Start, RequestLineTests.Empty.RequestId, null));

        var kept = Assert.Single(recent.Read());

        Assert.All(
            (object?[])[
                kept.Row, kept.OwnRequestId, kept.GenerationId, kept.Team, kept.Key, kept.Code, kept.Model, kept.SentModel, kept.AnsweredModel,
                kept.Provider, kept.Rule, kept.IsStream, kept.PromptTokens, kept.CompletionTokens, kept.Cost, kept.State, kept.FirstByteMs,
                kept.FirstTokenMs, kept.Attempts, kept.Destination, kept.UpstreamKey, kept.SettingsVersion,
            ],
            Assert.Null);
    }

    [Theory]
    [InlineData(0x78)]
    [InlineData(0x20AC)]
    [InlineData(0xD83D)]
    [InlineData(0x1B)]
    public void LongTextsOfTheClient_AreCut_AndTakeNoRoomOfTheIds(int letter)
    {
        var recent = new RecentRequests(2);
        var hostile = new string((char)letter, 5000);
        recent.Add(Line(Id(1), hostile, path: hostile, method: hostile, answered: hostile), Details(1));
        recent.Add(Line(Id(2)), Details(2));

        var kept = recent.Read().ToList();

        Assert.Equal([Id(2), Id(1)], kept.Select(request => request.RequestId));
        Assert.Equal(("search", "ci", "refused"), (kept[1].Team, kept[1].Key, kept[1].Code));
        Assert.All(
            [kept[1].Method!, kept[1].SentModel!],
            text => Assert.True(text.EndsWith('…') && text.Length is > 1 and <= 200, text));
        Assert.All(
            (string?[])[kept[1].AnsweredModel, kept[1].Model, kept[1].Path],
            text => Assert.True(text is null || text.EndsWith('…'), text));
        Assert.Equal("openai/gpt-4o", kept[0].Model);
    }

    [Fact]
    public void WritersAndReaders_SeeWholeRequests()
    {
        const int Writers = 4;
        const int Each = 20_000;
        var recent = new RecentRequests(2);
        var threads = Enumerable.Range(0, Writers).Select(writer => new Thread(() =>
        {
            for (var i = 0; i < Each; i++)
            {
                // Every text of a request is made of one letter, so that a mixture of two would show.
                var letter = (char)('a' + ((writer + i) % 26));
                recent.Add(Line(new string(letter, 32), new string(letter, 100), path: new string(letter, 150)), Details(0));
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        var seen = 0;
        do
        {
            foreach (var request in recent.Read())
            {
                Assert.All([request.Model!, request.Path!], text => Assert.Equal(request.RequestId![0], Assert.Single(text.Distinct())));
                seen++;
            }
        }
        while (threads.Any(thread => thread.IsAlive) || seen == 0);

        threads.ForEach(thread => thread.Join());
        Assert.InRange(recent.Read().Count(), 1, 2);
    }

    [Fact]
    public void Add_AllocatesNothing()
    {
        var recent = new RecentRequests(10);
        var (line, details) = (Line(Id(1)), Details(1));

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                recent.Add(line, details);
            }
        }));
    }

    private static string Id(int number) => number.ToString("x32", CultureInfo.InvariantCulture);

    private static RequestDetails Details(int number) => new(Start.AddSeconds(number), Id(number), null);

    private static RequestLine Line(
        string id, string? model = "openai/gpt-4o", string path = "/v1/chat/completions", string method = "POST", string? answered = null) => new()
        {
            Method = method,
            Path = path,
            Status = 403,
            End = RequestEnd.Refused,
            Code = "refused",
            Elapsed = 12.5,
            Model = model,
            SentModel = model,
            RequestId = id,
            ConnectionId = "c",
            Team = new RequestLine.TeamPart { Id = "search", Key = "ci", AnsweredModel = answered },
        };
}
