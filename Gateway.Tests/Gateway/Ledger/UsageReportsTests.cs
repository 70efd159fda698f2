using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>
/// Promise: with any groups and filters a report agrees with its rows, and any grouping has the same total. Random rows are
/// compared with sums that are made here. Run for each kind of store.
/// </summary>
public abstract class UsageReportsTests : IAsyncLifetime
{
    private static readonly UsageGroup[] All = Enum.GetValues<UsageGroup>();

    private ILedgerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _store = await CreateAsync();
        await _store.OpenAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await CleanUpAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(4711)]
    public async Task AnyGroupingOfRandomRows_HasTheSumsOfItsRows(ulong seed)
    {
        var random = new TestRandom(seed);
        var rows = Enumerable.Range(0, 300).Select(_ => Sample.Any(random)).ToList();
        await _store.ApplyAsync([.. rows.SelectMany(row => row.Entries)], Cancel);

        for (var mask = 1; mask < 1 << All.Length; mask++)
        {
            // Every set of members, in an order of its own, with a filter of its own.
            var groups = All.Where(group => (mask & (1 << (int)group)) != 0).OrderBy(_ => random.Next(1000)).ToArray();
            await AssertAsync(rows, Any(random) with { Groups = groups });
        }
    }

    /// <summary>The sums of days answer these, but for the parts of days at the ends.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(99)]
    public async Task AnyPeriodOfDays_HasTheSumsOfItsRows(ulong seed)
    {
        var random = new TestRandom(seed);
        var rows = Enumerable.Range(0, 300).Select(_ => Sample.Any(random, days: 4)).ToList();
        await _store.ApplyAsync([.. rows.SelectMany(row => row.Entries)], Cancel);
        UsageGroup[][] groupings = [[UsageGroup.Team], [UsageGroup.Key], [UsageGroup.Day, UsageGroup.Key], [UsageGroup.Month, UsageGroup.Team]];
        for (var i = 0; i < 60; i++)
        {
            var (from, to) = (Border(), Border());
            await AssertAsync(rows, new UsageSelection
            {
                Groups = groupings[random.Next(groupings.Length)],
                From = random.Next(4) == 0 ? null : from,
                To = random.Next(4) == 0 ? null : to,
                Teams = random.Next(3) == 0 ? ["a"] : [],
                Keys = random.Next(3) == 0 ? ["ci"] : [],
            });
        }

        // Half of them are the start of a day.
        DateTimeOffset Border()
        {
            var at = Now.AddMinutes(-random.Next(5 * 24 * 60));
            return random.Next(2) == 0 ? at : new DateTimeOffset(at.UtcDateTime.Date, TimeSpan.Zero);
        }
    }

    [Theory]
    [InlineData("openai/gpt-4o", "OpenAI/GPT-4o")]
    [InlineData("*4o*", "OpenAI/GPT-4o openai/gpt-4o-mini")]
    [InlineData("OPENAI/O*", "openai/o_3 openai/ox3")]
    [InlineData("openai/o_3", "openai/o_3")]
    [InlineData("openai/%", "")]
    [InlineData(@"a\*", @"a\b")]
    [InlineData("*\"*", "a\"'c")]
    [InlineData("*'*", "a\"'c")]
    public async Task ModelFilter_IsAPatternWithoutCase(string pattern, string expected)
    {
        foreach (var model in (string?[])["OpenAI/GPT-4o", "openai/gpt-4o-mini", "openai/o_3", "openai/ox3", @"a\b", "a\"'c", null])
        {
            await _store.ApplyAsync([Began(NewId()) with { AskedModel = model }], Cancel);
        }

        var report = await _store.ReadUsageAsync(new UsageSelection { Groups = [UsageGroup.Model], Models = [pattern] }, Cancel);

        Assert.Equal(expected, string.Join(' ', report.Select(row => row.Names[0]).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Filters_AreValuesAndNeverSql()
    {
        await _store.ApplyAsync([Began(NewId()) with { KeyLabel = "o'neill" }, Began(NewId(), team: "other")], Cancel);
        const string Injection = "x' OR '1'='1";

        Assert.Empty(await _store.ReadUsageAsync(new UsageSelection { Teams = [Injection] }, Cancel));
        Assert.Empty(await _store.ReadUsageAsync(new UsageSelection { Keys = [Injection] }, Cancel));
        Assert.Empty(await _store.ReadUsageAsync(new UsageSelection { Models = [Injection] }, Cancel));
        Assert.Equal(1, Assert.Single(await _store.ReadUsageAsync(new UsageSelection { Keys = ["o'neill"] }, Cancel)).Requests);
        Assert.Equal(1, Assert.Single(await _store.ReadUsageAsync(new UsageSelection { Keys = ["search/o'neill", "nobody"] }, Cancel)).Requests);
    }

    [Fact]
    public async Task DaysAndMonths_AreThoseOfUtc()
    {
        foreach (var text in (string[])["2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00Z", "2026-03-01T23:30:00Z", "2027-01-01T00:00:00Z"])
        {
            var at = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
            await _store.ApplyAsync([Began(NewId(at), at: at)], Cancel);
        }

        Assert.Equal(
            ["2026-02-28 1", "2026-03-01 2", "2027-01-01 1"], await CountsAsync(UsageGroup.Day));
        Assert.Equal(["2026-02 1", "2026-03 2", "2027-01 1"], await CountsAsync(UsageGroup.Month));

        async Task<IEnumerable<string>> CountsAsync(UsageGroup group) =>
            (await _store.ReadUsageAsync(new UsageSelection { Groups = [group] }, Cancel))
                .Select(row => $"{row.Names[0]} {row.Requests}").Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task InventedModels_ShareARow_InEveryGrouping()
    {
        const int More = 30;
        await _store.ApplyAsync(
            [.. Enumerable.Range(0, UsageSql.MaxModels + More).Select(i =>
                Began(NewId(), team: i % 2 == 0 ? "even" : "odd", reserved: 1_000_000 * (i + 1)) with { SentModel = $"invented-{i}" })],
            Cancel);

        var report = await _store.ReadUsageAsync(new UsageSelection { Groups = [UsageGroup.Team, UsageGroup.Model] }, Cancel);

        var others = report.Where(row => row.Names[1] == UsageSql.OtherModels).OrderBy(row => row.Names[0], StringComparer.Ordinal).ToList();
        Assert.Equal(["even", "odd"], others.Select(row => row.Names[0]));
        Assert.Equal(More, others.Sum(row => row.Requests));
        Assert.Equal(UsageSql.MaxModels + 2, report.Count);
    }

    private protected abstract Task<ILedgerStore> CreateAsync();

    protected abstract Task CleanUpAsync();

    private async Task AssertAsync(IReadOnlyList<Sample> rows, UsageSelection selection)
    {
        var groups = selection.Groups;
        var report = await _store.ReadUsageAsync(selection, Cancel);

        var selected = rows.Where(row => row.IsIn(selection)).ToList();
        Assert.Equal(
            selected.GroupBy(row => string.Join('|', groups.Select(row.Member)))
                .Select(group => Line(group.Key, group.Count(), group.Sum(row => row.Prompt), group.Sum(row => row.Completion), Sum(group), group.Count(row => row.IsUnresolved)))
                .Order(StringComparer.Ordinal),
            report.Select(row => Line(string.Join('|', row.Names), row.Requests, row.PromptTokens, row.CompletionTokens, row.Cost, row.Unresolved))
                .Order(StringComparer.Ordinal));
        Assert.Equal(Sum(selected), report.Aggregate(PicoDollars.Zero, static (sum, row) => sum + row.Cost));
    }

    private static string Line(string names, long requests, long prompt, long completion, PicoDollars cost, long unresolved) =>
        $"{names}: {requests} {prompt} {completion} {cost} {unresolved}";

    private static PicoDollars Sum(IEnumerable<Sample> rows) => rows.Aggregate(PicoDollars.Zero, static (sum, row) => sum + row.Charge);

    private static UsageSelection Any(TestRandom random)
    {
        var from = Now.AddHours(-random.Next(2000));
        return new UsageSelection
        {
            From = random.Next(3) == 0 ? from : null,
            To = random.Next(3) == 0 ? from.AddHours(random.Next(2000)) : null,
            Teams = random.Next(3) == 0 ? [Sample.Teams[random.Next(3)], Sample.Teams[random.Next(3)]] : [],
            Keys = random.Next(3) == 0 ? [random.Next(2) == 0 ? "ci" : "b/laptop"] : [],
            Models = random.Next(3) == 0 ? ["M1"] : [],
            IsUnresolvedOnly = random.Next(3) == 0,
        };
    }

    /// <summary>A random row, and the values that a report has for it.</summary>
    private sealed record Sample
    {
        public static readonly string[] Teams = ["a", "b", "c"];

        private static readonly string?[] Names = [null, "m1", "m2"];

        public required LedgerEntry.Began Began { get; init; }

        public LedgerEntry.Ended? Ended { get; init; }

        public IEnumerable<LedgerEntry> Entries => Ended is null ? [Began] : [Began, Ended];

        public GenerationState State => Ended?.State ?? GenerationState.Reserved;

        public bool IsUnresolved => State != GenerationState.Settled;

        public PicoDollars Charge => State == GenerationState.Settled ? Ended!.Usage!.Cost!.Value : Began.Reserved;

        public long Prompt => Ended?.Usage?.PromptTokens ?? 0;

        public long Completion => Ended?.Usage?.CompletionTokens ?? 0;

        private string Model => Ended?.AnsweredModel ?? Began.SentModel ?? Began.AskedModel ?? "";

        public static Sample Any(TestRandom random, int days = 90)
        {
            var at = Now.AddMinutes(-random.Next(days * 24 * 60));
            var id = NewId(at);
            var state = (GenerationState)random.Next(4);
            return new Sample
            {
                Began = LedgerSamples.Began(id, Teams[random.Next(3)], random.Next(int.MaxValue), at) with
                {
                    KeyLabel = random.Next(2) == 0 ? "ci" : "laptop",
                    Rule = random.Next(2) == 0 ? null : "eu",
                    AskedModel = Names[random.Next(3)],
                    SentModel = Names[random.Next(3)],
                },
                Ended = state == GenerationState.Reserved ? null : new LedgerEntry.Ended(id)
                {
                    State = state,
                    AnsweredModel = Names[random.Next(3)],
                    Provider = random.Next(2) == 0 ? null : "Azure",
                    Usage = new Usage
                    {
                        PromptTokens = random.Next(2) == 0 ? null : random.Next(1000),
                        CompletionTokens = random.Next(1000),
                        Cost = new PicoDollars(random.Next(int.MaxValue)),
                    },
                },
            };
        }

        public string Member(UsageGroup group) => group switch
        {
            UsageGroup.Team => Began.Team,
            UsageGroup.Key => $"{Began.Team}/{Began.KeyLabel}",
            UsageGroup.Model => Model,
            UsageGroup.Provider => Ended?.Provider ?? "",
            UsageGroup.Rule => Began.Rule ?? "",
            UsageGroup.Day => Began.StartedAt.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            UsageGroup.Month => Began.StartedAt.UtcDateTime.ToString("yyyy-MM", CultureInfo.InvariantCulture),
            _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
        };

        public bool IsIn(UsageSelection selection) =>
            !(Began.StartedAt < selection.From) && !(Began.StartedAt >= selection.To)
            && (selection.Teams.Count == 0 || selection.Teams.Contains(Began.Team))
            && (selection.Keys.Count == 0 || selection.Keys.Contains(Began.KeyLabel) || selection.Keys.Contains($"{Began.Team}/{Began.KeyLabel}"))
            && (selection.Models.Count == 0 || selection.Models.Contains(Model, StringComparer.OrdinalIgnoreCase))
            && (!selection.IsUnresolvedOnly || IsUnresolved);
    }
}
