using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>The refusal, the rule and the edit that a host may return for a request before the rules.</summary>
public sealed class RequestReviewTests
{
    private static readonly RequestRejection Refusal = new(403, "not_you", "Not you.");

    [Fact]
    public async Task HostsRefusal_GoesBeforeTheRulesAndReachesNoUpstream()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new()
        {
            Options = options => options.Review = (_, _) => new RequestReview(Refusal, Ceiling()),
        });
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        var answer = await connection.SendBodyAsync("{\"model\":\"m\",\"provider\":{\"only\":[]}}"u8.ToArray());

        Assert.Equal(403, answer.Status);
        Assert.Equal(0, upstream.Count);
    }

    [Fact]
    public async Task BodyAtFault_IsToldBeforeTheHostIsAsked()
    {
        var asked = 0;
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new()
        {
            Options = options => options.Review = (_, _) =>
            {
                asked++;
                return new RequestReview(Refusal);
            },
        });
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        Assert.Equal(400, (await connection.SendBodyAsync("{\"provider\":7}"u8.ToArray())).Status);
        Assert.Equal(0, asked);
    }

    [Fact]
    public async Task HostsRuleAndEdit_GoIntoTheBodyBesideTheRules()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await MappingHost.StartAsync(upstream.Address, new()
        {
            Options = options => options.Review = (_, request) =>
            {
                var session = request.Facts.Members[request.Facts.LastIndexOf(BodyMemberName.SessionId)].Value;
                return new RequestReview(null, Ceiling(), new BodyEdit(session.Start, session.Length, "\"other\""u8.ToArray()));
            },
        });
        await using var connection = await RawConnection.OpenAsync(host.Http1);

        await connection.SendBodyAsync("{\"session_id\":\"mine\", \"model\":\"m\"}"u8.ToArray());

        Assert.Equal(
            "{\"session_id\":\"other\", \"model\":\"m\",\"provider\":{\"order\":[\"A\",\"B\"],\"max_price\":{\"prompt\":1}}}",
            Encoding.UTF8.GetString(upstream.TakeSingle().Body));
    }

    [Fact]
    public void Names_AreAllThatGoUpstream()
    {
        var rules = new ProviderMappingRules([], [RuleSet.Alias("short", "long/name", "fall/back")]);

        Assert.Equal(["long/name", "short", "long/name", "fall/back"], NamesOf(rules, """{"model":"short","model":"short"}"""));
        Assert.Equal(["a", "long/name", "c"], NamesOf(rules, """{"model":"a","models":["short"],"fallbacks":[{"model":"c"}]}"""));
        Assert.Equal(["a"], NamesOf(ProviderMappingRules.Empty, """{"mod\u0065l":"a"}"""));
        Assert.Empty(NamesOf(ProviderMappingRules.Empty, """{"messages":[]}"""));
    }

    [Theory]
    [InlineData("""{"preset":"a","preset":"\u0062"}""", "a,b")]
    [InlineData("""{"preset":null}""", "")]
    [InlineData("""{"preset":{"x":1},"model":"m"}""", "<>")]
    public void Presets_AreReadFromEveryMember(string body, string expected) => Assert.Equal(
        expected, string.Join(',', BodyScan.Facts(body).Presets.Select(preset => preset ?? "<>")));

    private static ProviderRule Ceiling() => RuleSet.Enforce("*", "{\"max_price\":{\"prompt\":1}}", "ceiling");

    private static List<string> NamesOf(ProviderMappingRules rules, string body)
    {
        var names = new List<string>();
        var bytes = Encoding.UTF8.GetBytes(body);
        rules.Decide(
            BodyScan.Facts(bytes),
            new(bytes),
            RequestEndpoint.Generation,
            static (names, request) =>
            {
                names.AddRange(request.Models.Names);
                return default;
            },
            names);
        return names;
    }
}
