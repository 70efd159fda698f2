using System.Globalization;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.Playwright;

namespace Gateway.Tests.Support;

/// <summary>
/// Made-up answers of the admin address, with data that a test cannot create by calls: thousands of requests, hours and days of them, hostile
/// names everywhere. The numbers are the same in every run; the times count back from now.
/// </summary>
internal sealed class DashboardSample
{
    private static readonly (string Model, string Provider, double In, double Out, int Weight)[] Models =
    [
        ("openai/gpt-4o-mini", "OpenAI", .15, .6, 30), ("anthropic/claude-sonnet-4.5", "Anthropic", 3, 15, 14), ("google/gemini-2.5-flash", "Google", .3, 2.5, 16),
        ("mistralai/codestral", "Mistral", .3, .9, 9), ("deepseek/deepseek-chat", "DeepInfra", .27, 1.1, 9), ("meta-llama/llama-3.3-70b", "Together", .2, .4, 5),
        ("qwen/qwen3-coder", "Alibaba", .4, 1.6, 4), ("x-ai/grok-4", "xAI", 3, 15, 3),
    ];

    private static readonly (int Status, string? Code, int Weight)[] Errors =
    [
        (429, "rate_limit_exceeded", 7), (429, null, 6), (402, "budget_exceeded", 5), (403, "model_not_allowed", 4), (502, "upstream_unreachable", 3),
        (504, "upstream_timeout", 2), (400, "invalid_provider", 2), (503, "usage_unavailable", 1),
    ];

    private static readonly string[] Teams = ["assistants", "search", "checkout", "research", "ops"];

    private readonly TestRandom _random = new(7);
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    /// <summary>The rows of <c>/admin/requests</c>, newest first.</summary>
    public JsonArray Requests { get; } = [];

    /// <summary>The teams of <c>/admin/teams</c>.</summary>
    public JsonArray TeamList { get; } = [];

    /// <summary>The answer of <c>/admin/usage</c>.</summary>
    public JsonArray Usage { get; } = [];

    /// <summary>The answer of <c>/admin/rules</c>.</summary>
    public JsonObject Rules { get; set; } = new() { ["version"] = "3f9a01c27be4", ["teams"] = 0, ["rules"] = new JsonArray(), ["aliases"] = new JsonArray() };

    /// <summary>The answer of <c>/admin/explain</c>.</summary>
    public JsonObject Explanation { get; set; } = [];

    /// <summary>Requests of two hours, five teams with four budgets, rules.</summary>
    /// <param name="count">The number of requests.</param>
    public static DashboardSample Busy(int count)
    {
        var sample = new DashboardSample();
        foreach (var age in Enumerable.Range(0, count).Select(_ => Math.Pow(sample._random.Next(1_000_000) / 1e6, 1.15) * 7200).Order().ToArray())
        {
            sample.Requests.Add(sample.Request(age));
        }

        sample.AddTeams();
        sample.Rules = (JsonObject)JsonNode.Parse(
            """
            {"version":"3f9a01c27be4","teams":5,"rules":[
              {"name":"eu","models":["mistralai/*"],"mode":"Enforce","source":"ProviderMapping:Rules:0","provider":{"only":["mistral"],"data_collection":"deny"}},
              {"name":"cheap","models":["*"],"mode":"KeepClient","source":"ProviderMapping:Rules:1","provider":{"sort":"price"}}],"aliases":[]}
            """)!;
        return sample;
    }

    /// <summary>Adds a row.</summary>
    /// <param name="age">How many seconds ago its request arrived.</param>
    public void Arrive(double age = 0)
    {
        lock (Requests)
        {
            Requests.Insert(0, Request(age));
        }
    }

    /// <summary>Puts the next billed row, from a place on, back to where it waits for its end or its bill.</summary>
    /// <returns>The row as it waits, and as it was.</returns>
    public (JsonNode Waiting, JsonNode Billed) Await(int from, string state)
    {
        var billed = Requests.Skip(from).First(static row => row!["state"] is not null)!;
        var waiting = billed.DeepClone();
        waiting["state"] = state;
        if (state == "reserved")
        {
            foreach (var member in (string[])["status", "end", "duration_ms"])
            {
                waiting.AsObject().Remove(member);
            }
        }

        Replace(billed, waiting);
        return (waiting, billed);
    }

    /// <summary>Replaces a row.</summary>
    public void Replace(JsonNode row, JsonNode by)
    {
        // The page reads the rows at any time.
        lock (Requests)
        {
            Requests[Requests.IndexOf(row)] = by;
        }
    }

    /// <summary>Answers the page in place of the gateway, for all but its own files.</summary>
    public async Task AnswerAsync(IPage page)
    {
        await page.RouteAsync("**/admin/requests?*", route => FulfillAsync(route, new JsonObject { ["requests"] = Since(route.Request.Url) }));
        await RouteAsync("**/admin/teams", () => new JsonObject { ["teams"] = TeamList.DeepClone() });
        await RouteAsync("**/admin/usage?*", () => new JsonObject { ["rows"] = Usage.DeepClone() });
        await RouteAsync("**/admin/rules", () => Rules);
        await RouteAsync("**/admin/explain", () => Explanation);
        await page.RouteAsync("**/admin/requests/*", route => FulfillAsync(route, RowAt(route.Request.Url)));

        Task RouteAsync(string pattern, Func<JsonNode> answer) => page.RouteAsync(pattern, route => FulfillAsync(route, answer()));

        static Task FulfillAsync(IRoute route, JsonNode answer) =>
            route.FulfillAsync(new RouteFulfillOptions { ContentType = "application/json", Body = answer.ToJsonString() });
    }

    /// <summary>The requests that an address asks for: as the gateway does, only those since a time.</summary>
    private JsonArray Since(string address)
    {
        var since = HttpUtility.ParseQueryString(new Uri(address).Query)["since"] ?? "";
        lock (Requests)
        {
            return [.. Requests.Where(row => string.CompareOrdinal((string)row!["time"]!, since) >= 0).Select(static row => row!.DeepClone())];
        }
    }

    private JsonNode RowAt(string address)
    {
        lock (Requests)
        {
            return Requests.First(row => address.EndsWith((string)row!["request_id"]!, StringComparison.Ordinal))!.DeepClone();
        }
    }

    private void AddTeams()
    {
        AddTeam("assistants", ("week", 80, 66.9, 1.4, 2.2));
        AddTeam("search", ("day", 25, 15.4, .9, .3));
        AddTeam("checkout", ("month", 500, 212.71, 3.9, 11.4));
        AddTeam("research", ("total", 1000, 120.5, 0, 0));
        AddTeam("ops", null);
    }

    private void AddTeam(string id, (string Period, double Limit, double Spent, double Reserved, double Days)? budget)
    {
        var budgets = new JsonArray();
        if (budget is var (period, limit, spent, reserved, days))
        {
            budgets.Add(new JsonObject
            {
                ["period"] = period,
                ["limit_usd"] = limit,
                ["spent_usd"] = spent,
                ["reserved_usd"] = reserved,
                ["left_usd"] = Math.Max(0, Math.Round(limit - spent - reserved, 4)),
                ["when_exceeded"] = "refuse",
                ["resets_at"] = days > 0 ? Time(-days * 86400) : null,
            });
        }

        TeamList.Add(new JsonObject
        {
            ["id"] = id,
            ["budgets"] = budgets,
            ["limits"] = new JsonObject { ["requests_per_minute"] = new JsonObject { ["limit"] = 600, ["remaining"] = 412 } },
            ["keys"] = new JsonArray(new JsonObject { ["label"] = "prod", ["last_used"] = Time(4) }, new JsonObject { ["label"] = "ci", ["expires"] = Time(-4e6) }),
        });
    }

    private JsonObject Request(double age)
    {
        var model = Pick(Models, static one => one.Weight);
        var row = new JsonObject
        {
            ["time"] = Time(age),
            ["request_id"] = Hex(4),
            ["team"] = Teams[Math.Min(_random.Next(7), _random.Next(5))],
            ["key"] = "prod",
            ["method"] = "POST",
            ["path"] = "/v1/chat/completions",
            ["model"] = model.Model,
            ["rule"] = model.Provider == "Mistral" ? "eu" : "cheap",
            ["version"] = "3f9a01c27be4",
        };
        if (_random.Next(100) < 5)
        {
            var error = Pick(Errors, static one => one.Weight);
            row["status"] = error.Status;
            row["code"] = error.Code;
            row["end"] = error.Code is null ? "Completed" : "Refused";
            row["duration_ms"] = 1 + _random.Next(20);
            return row;
        }

        // A slow quarter of an hour, so that the percentiles have a shape.
        var slow = age is > 1500 and < 2400 ? 2.1 : 1;
        var first = Math.Round((230 + _random.Next(300) + (_random.Next(12) == 0 ? _random.Next(1500) : 0)) * slow, 1);
        var (prompt, completion) = (60 + (_random.Next(60) * _random.Next(60)), 20 + _random.Next(700));
        row["generation_id"] = $"gen-{_now.ToUnixTimeSeconds() - (long)age}-{Hex(2)}";
        row["status"] = 200;
        row["sent_model"] = model.Model;
        row["answered_model"] = model.Model;
        row["provider"] = model.Provider;
        row["stream"] = _random.Next(10) < 7;
        row["prompt_tokens"] = prompt;
        row["completion_tokens"] = completion;
        row["cost_usd"] = Math.Round(((prompt * model.In) + (completion * model.Out)) / 1e6, 9);
        row["state"] = "settled";
        row["first_byte_ms"] = Math.Round(first * .8, 1);
        row["first_token_ms"] = first;
        row["duration_ms"] = Math.Round(first + (completion * 9), 1);
        row["attempts"] = 1;
        row["end"] = "Completed";
        row["destination"] = "openrouter";
        return row;
    }

    private string Time(double age) => (_now - TimeSpan.FromSeconds(age)).UtcDateTime.ToString("O", CultureInfo.InvariantCulture);

    private string Hex(int words) => string.Concat(Enumerable.Range(0, words).Select(_ => _random.Next(int.MaxValue).ToString("x8", CultureInfo.InvariantCulture)));

    private T Pick<T>(T[] all, Func<T, int> weight)
    {
        var at = _random.Next(all.Sum(weight));
        return all.First(one => (at -= weight(one)) < 0);
    }
}
