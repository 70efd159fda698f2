using System.Text;
using Gateway.Admission;
using Gateway.Configuration.Model;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: rights are checked before prices, and a reservation covers the most that the request may cost.</summary>
public sealed class RequestJudgeTests
{
    private static readonly TeamEndpoint Chat = new(["POST"], "/chat/completions", TeamEndpointKind.Inference);

    private static readonly PriceList Prices = PriceList.Empty.With(new Dictionary<string, ListedPrice>
    {
        ["a/prompt"] = new(new ModelPrice(new(10), new(1), new(0))),
        ["a/answer"] = new(new ModelPrice(new(1), new(10), new(5))),
    });

    private static readonly PriceList CachePrices = PriceList.Read("""
        {"data":[
          {"id":"a/unasked","pricing":{"prompt":"0.000005","completion":"0.00001","input_cache_write":"0.00000625"}},
          {"id":"a/asked","pricing":{"prompt":"0.000001","completion":"0.00001","input_cache_write":"0.00000125","input_cache_write_1h":"0.000002"}}]}
        """u8.ToArray());

    private static readonly TeamBudget Budget = new(new(1_000_000), BudgetPeriod.Month);

    [Theory]
    [InlineData("""{"model":"b/x"}""", "b/x")]
    [InlineData("""{"model":"a/answer","models":["b/x"]}""", "b/x")]
    [InlineData("""{"model":"a/answer","preset":"p"}""", "@preset/p")]
    public void ModelOrPresetWithoutRight_IsRefusedAndCostsNothing(string body, string named)
    {
        var verdict = Judge(body, CreateTeam(Budget, "a/*"));

        Assert.Equal((403, "model_not_allowed"), (verdict.Review.Rejection!.Status, verdict.Review.Rejection.Code));
        Assert.Contains(named, verdict.Review.Rejection.Message, StringComparison.Ordinal);
        Assert.Equal(default, verdict.Cost);
        Assert.Null(verdict.Review.Rule);
    }

    [Theory]
    [InlineData("""{"model":"a/answer","tools":[{"type":"openrouter:advisor","parameters":{"model":"b/x"}}]}""", "b/x")]
    [InlineData("""{"model":"a/answer","plugins":[{"id":"fusion","model":"b/x"}]}""", "b/x")]
    [InlineData("""{"model":"a/answer","tools":[{"type":"openrouter:advisor"}]}""", "")]
    [InlineData("""{"fallbacks":[{"model":"a/answer"}]}""", "")]
    [InlineData("""{"messages":[]}""", "")]
    public void ModelOfAToolOrMissingModelWithoutRight_IsRefused(string body, string named)
    {
        var rejection = Judge(body, CreateTeam(null, "a/*")).Review.Rejection;

        Assert.Equal((403, "model_not_allowed"), (rejection!.Status, rejection.Code));
        Assert.Contains(named, rejection.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model":"a/answer","tools":[{"type":"openrouter:advisor","parameters":{"model":"a/prompt"}}]}""", "a/*")]
    [InlineData("""{"models":["a/answer"]}""", "a/*")]
    [InlineData("""{"model":"a/answer","fallbacks":[{"model":"a/prompt"}]}""", "a/*")]
    [InlineData("""{"preset":"p"}""", "@preset/p")]
    [InlineData("""{"model":"@preset/p"}""", "@preset/p")]
    [InlineData("""{"messages":[]}""", "*")]
    public void ModelsWithRights_Pass(string body, string allowed) =>
        Assert.Null(Judge(body, CreateTeam(null, allowed)).Review.Rejection);

    [Theory]
    [InlineData("a/*", 400)]
    [InlineData(null, null)]
    public void NameThatIsNoPrintableAscii_IsRefusedWhereRightsAreJudged(string? allowed, int? status) =>
        Assert.Equal(status, Judge("""{"model":"a/\u00e9"}""", CreateTeam(null, allowed)).Review.Rejection?.Status);

    [Theory]
    [InlineData(WhenToolClosed.Refuse, "mcp", 403)]
    [InlineData(WhenToolClosed.Refuse, "openrouter:datetime", null)]
    [InlineData(WhenToolClosed.Report, "mcp", null)]
    [InlineData(WhenToolClosed.Remove, "mcp", null)]
    public void ClosedTool_IsRefusedRemovedOrReported(object whenClosed, string tool, int? status)
    {
        var verdict = Judge(
            $$"""{"model":"a/answer","tools":[{"type":"function"},{"type":"{{tool}}"},{"type":"{{tool}}"}]}""",
            CreateTeam(null, whenClosed: (WhenToolClosed)whenClosed));

        Assert.Equal(status, verdict.Review.Rejection?.Status);
        Assert.Equal((WhenToolClosed)whenClosed == WhenToolClosed.Report ? "mcp" : null, verdict.Tools.ReportedNames);
        Assert.Equal((WhenToolClosed)whenClosed == WhenToolClosed.Remove ? "mcp" : null, verdict.Tools.RemovedNames);
    }

    [Fact]
    public void ClosedToolThatTheRequestNeeds_IsRefusedAlsoWhereToolsAreRemoved()
    {
        const string Body = """{"model":"a/answer","tools":[{"type":"mcp"}],"tool_choice":{"type":"mcp"}}""";

        var rejection = Judge(Body, CreateTeam(null, whenClosed: WhenToolClosed.Remove)).Review.Rejection;

        Assert.Equal((403, "server_tool_not_allowed"), (rejection!.Status, rejection.Code));
    }

    [Fact]
    public void NamesOfReportedTools_AreAFewShortOnes()
    {
        var tools = Enumerable.Range(0, 11).Select(static i => $$"""{"type":"{{(char)('a' + i)}},\u00e9{{new string('x', 100)}}"}""");

        var names = Judge($$"""{"model":"a/answer","tools":[{{string.Join(',', tools)}}]}""", CreateTeam(null, whenClosed: WhenToolClosed.Report))
            .Tools.ReportedNames!.Split(", ");

        Assert.Equal(11, names.Length);
        Assert.Equal("...", names[^1]);
        Assert.All(names[..^1], static name => Assert.Equal(64, name.Length));
        Assert.StartsWith("a??x", names[0], StringComparison.Ordinal);
    }

    // The bodies have 60 bytes each: 30 tokens of the amount; 15 tokens of the token limits, and one more.
    [Theory]
    [InlineData("""{"model":"a/answer","max_tokens":7,"n":2                   }""", 5 + 30 + (2 * 7 * 10), 16 + (2 * 7))]
    [InlineData("""{"model":"a/answer","max_tokens":1,"n":1                   }""", 5 + 30 + 10, 16 + 1)]
    [InlineData("""{"model":"a/answer","max_tokens":0                         }""", 5 + 30 + (100 * 10), 16)]
    [InlineData("""{"model":"a/answer"                                        }""", 5 + 30 + (100 * 10), 16)]
    [InlineData("""{"model":"a/answer","models":["a/prompt"],"max_tokens":2   }""", 300 + 2, 16 + 2)]
    public void Reservation_IsTheDearestModelAtTheStatedCap(string body, int amount, int tokens)
    {
        Assert.Equal(60, body.Length);

        var verdict = Judge(body, CreateTeam(Budget));

        Assert.Null(verdict.Review.Rejection);
        Assert.Equal(new RequestCost(tokens, new PicoDollars(amount), PromptTokens: 16), verdict.Cost with { Basis = default });
        Assert.Equal(EstimateBasis.Of(verdict.Size, verdict.Price), verdict.Cost.Basis);
    }

    [Theory]
    [InlineData("""{"model":"b/unheard-of"}""")]
    [InlineData("""{"model":"a/answer","models":["b/unheard-of"]}""")]
    [InlineData("""{"model":"a/answer","preset":"p"}""")]
    [InlineData("""{"messages":[]}""")]
    public void UnknownPrice_HasNoAmountButTokens(string body)
    {
        var verdict = Judge(body, CreateTeam(Budget), new LimitsSettings { WriteMaxPrice = true });

        Assert.Null(verdict.Cost.Cost);
        Assert.Equal((body.Length / 4) + 1, verdict.Cost.Tokens);
        Assert.Null(verdict.Review.Rule);
    }

    [Theory]
    [InlineData("""{"model":"b/unheard-of","tools":[{"type":"openrouter:web_fetch"}]}""", 250_000_000_000)]
    [InlineData("""{"model":"b/unheard-of:online"}""", 250_000_000_000)]
    [InlineData("""{"model":"b/unheard-of","tools":[{"type":"openrouter:datetime"}]}""", 0)]
    public void UnknownPrice_LeavesTheCostOfServerTools(string body, long reserved)
    {
        var verdict = Judge(body, CreateTeam(Budget));

        Assert.Null(verdict.Cost.Cost);
        Assert.Equal(new PicoDollars(reserved), verdict.Cost.Reserved);
    }

    [Theory]
    [InlineData("""{"model":"a/answer:online","max_tokens":1}""", 20_000_000_000)]
    [InlineData("""{"model":"a/answer","max_tokens":1,"tools":[{"type":"openrouter:web_fetch"}]}""", 0)]
    public void WithoutABudget_OnlyASearchIsAdded(string body, long search) =>
        Assert.Equal(new PicoDollars(5 + ((body.Length + 1) / 2) + 10 + search), Judge(body, CreateTeam(null)).Cost.Cost);

    [Fact]
    public void PriceCeiling_AllowsEachModelAndReservesItsOwnPrices()
    {
        const string Body = """{"model":"a/answer","models":["a/prompt"],"max_tokens":3}""";

        var verdict = Judge(Body, CreateTeam(Budget), new LimitsSettings { WriteMaxPrice = true });

        Assert.Equal(
            """{"max_price":{"prompt":0.00001,"completion":0.00001}}""",
            Encoding.UTF8.GetString(verdict.Review.Rule!.Rendered(RequestEndpoint.Generation).Value.Span));
        Assert.Equal(WhenClientSetsProvider.Enforce, verdict.Review.Rule.Mode);
        Assert.Equal(new PicoDollars(5 + (10 * ((Body.Length + 1) / 2)) + (3 * 10)), verdict.Cost.Cost);
    }

    [Theory]
    [InlineData("""{"model":"a/unasked","models":["a/asked"]}""")]
    [InlineData("""{"model":"a/asked","models":["a/unasked"]}""")]
    [InlineData("""{"model":"a/unasked"}""")]
    public void PriceCeiling_ReservesNoLessThanIsReservedWithoutIt(string body)
    {
        Assert.Equal(Amount(isWritten: false), Amount(isWritten: true));

        PicoDollars? Amount(bool isWritten) => RequestJudge.Judge(
            CreateTeam(Budget), Chat, new LimitsSettings { WriteMaxPrice = isWritten }, CachePrices, default, ReviewedBody.Create(body)).Cost.Cost;
    }

    [Theory]
    [InlineData(true, true, RequestEndpoint.Generation, true)]
    [InlineData(true, true, RequestEndpoint.Embeddings, true)]
    [InlineData(true, true, RequestEndpoint.Images, false)]
    [InlineData(true, false, RequestEndpoint.Generation, false)]
    [InlineData(false, true, RequestEndpoint.Generation, false)]
    public void PriceCeiling_IsWrittenForABudgetWhereTheEndpointTakesIt(bool isWritten, bool hasBudget, object endpoint, bool hasCeiling)
    {
        var verdict = RequestJudge.Judge(
            CreateTeam(hasBudget ? Budget : null),
            Chat,
            new LimitsSettings { WriteMaxPrice = isWritten },
            Prices,
            default,
            ReviewedBody.Create("""{"model":"a/answer"}""", (RequestEndpoint)endpoint));

        Assert.Equal(hasCeiling, verdict.Review.Rule is not null);
        Assert.NotNull(verdict.Cost.Cost);
    }

    [Theory]
    [InlineData(true, true, false, true)]
    [InlineData(true, true, true, false)]
    [InlineData(true, false, false, false)]
    [InlineData(false, true, false, false)]
    [InlineData(false, false, true, false)]
    public void MissingPrice_RefusesATeamWithABudgetUnlessItIsAllowed(bool hasBudget, bool isUnknown, bool isAllowed, bool isMissing) => Assert.Equal(
        isMissing,
        RequestJudge.IsPriceMissing(
            CreateTeam(hasBudget ? Budget : null),
            new LimitsSettings { AllowUnknownPrices = isAllowed },
            new RequestCost(1, isUnknown ? null : PicoDollars.Zero)));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Session_IsScopedForATeamThatAsksForIt(bool scopes)
    {
        var verdict = Judge("""{"model":"a/answer","session_id":"s"}""", CreateTeam(null, scopes: scopes));

        Assert.Equal(scopes, verdict.Session is not null);
        Assert.Equal(scopes, verdict.Review.Edit is not null);
    }

    private static RequestVerdict Judge(string body, Team team, LimitsSettings? limits = null) =>
        RequestJudge.Judge(team, Chat, limits ?? new LimitsSettings { AssumedCompletionTokens = 100 }, Prices, default, ReviewedBody.Create(body));

    private static Team CreateTeam(
        TeamBudget? budget, string? allowed = null, bool scopes = false, WhenToolClosed whenClosed = WhenToolClosed.Refuse) => new()
        {
            Id = "t",
            Keys = [],
            UpstreamKey = new UpstreamKey("sk"),
            Rights = allowed is null ? ModelRights.All : new ModelRights([ModelPattern.Create(allowed, "", [])!], []),
            ServerTools = new ServerToolRights(null, whenClosed, ServerToolRights.Default.MaxCost),
            Limits = TeamLimits.None,
            Budget = budget,
            Rules = ProviderMappingRules.Empty,
            ScopesSessions = scopes,
        };
}
