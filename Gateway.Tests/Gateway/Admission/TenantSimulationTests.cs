using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>
/// Promise: a tenant who knows this code and searches for cheap reservations spends no more than the budget. Sixty calls are open at any
/// time; each is billed by <see cref="UpstreamBill"/>, and the cheapest bodies so far are varied further.
/// </summary>
public sealed class TenantSimulationTests(ITestOutputHelper output)
{
    private const int OpenCalls = 60;

    /// <summary>The number of calls. By hand a minute of a thousand a second: <c>GATEWAY_TENANT_CALLS=60000</c>.</summary>
    private static readonly int Calls = int.TryParse(
        Environment.GetEnvironmentVariable("GATEWAY_TENANT_CALLS"), NumberStyles.None, CultureInfo.InvariantCulture, out var calls) ? calls : 6000;

    /// <summary>The seed. By hand another one: <c>GATEWAY_TENANT_SEED</c>.</summary>
    private static readonly ulong Seed = ulong.TryParse(
        Environment.GetEnvironmentVariable("GATEWAY_TENANT_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : 1;

    [Fact]
    public async Task SearchForCheapReservations_SpendsNoMoreThanTheBudget()
    {
        output.WriteLine($"seed {Seed}, {Calls} calls");

        // No dearer than an answer, or bodies with server tools would be the cheapest by their share alone.
        const decimal ToolCost = 0.02m;
        using var estimator = await Estimator.CreateAsync(RandomBody.Prices, maxCost: ToolCost.ToString(CultureInfo.InvariantCulture));
        using var upstream = new UpstreamBill(RandomBody.Prices, ToolCost);
        var random = new TestRandom(Seed);
        var store = new MemoryBudgetStore(
            (_, _) => Task.FromResult(new TeamCharges(PicoDollars.Zero, new Dictionary<Guid, PicoDollars>(), [])), TimeProvider.System);
        var key = new BudgetKey("search", BudgetPeriod.Total, DateTimeOffset.MinValue);

        // The cost of a quarter of the calls, so that most of them race for the rest.
        var limit = Pico(0.03m * Calls);
        var open = new Queue<(Guid Id, PicoDollars Reserved, PicoDollars Bill)>();
        var billed = PicoDollars.Zero;
        var cheapest = new Dictionary<string, (decimal Ratio, TreeObject Body)>(StringComparer.Ordinal);
        var (admitted, refused) = (0, 0);
        for (var call = 0; call < Calls; call++)
        {
            var path = Estimator.Paths[random.Next(Estimator.Paths.Count)];
            var body = Vary(cheapest.TryGetValue(path, out var best) && random.Next(2) == 0 ? best.Body : RandomBody.Create(path, random), path, random);
            var json = random.Next(3) == 0 ? body.Respelled(random) : body.Shortest();

            var reserved = estimator.Estimate(path, json).Cost.Cost!.Value;
            var bill = Pico(upstream.Of(path, json, random.Next(24)));

            Assert.True(bill <= reserved, $"Seed {Seed}, call {call}: {reserved} reserved, {bill} billed for POST {path} {json[..Math.Min(json.Length, 2000)]}");
            if (bill > PicoDollars.Zero && (decimal)reserved.Value / (decimal)bill.Value is var ratio && (best.Body is null || ratio < best.Ratio))
            {
                cheapest[path] = (ratio, body);
            }

            var id = Guid.CreateVersion7();
            if ((await store.ReserveAsync(key, limit, id, reserved)).IsGranted)
            {
                admitted++;
                open.Enqueue((id, reserved, bill));
            }
            else
            {
                refused++;
            }

            if (open.Count > OpenCalls || (refused > 0 && open.Count > 0))
            {
                await SettleAsync(open.Dequeue());
            }
        }

        while (open.TryDequeue(out var one))
        {
            await SettleAsync(one);
        }

        output.WriteLine($"{admitted} admitted, {refused} refused, {billed} of {limit} USD");
        foreach (var (path, (ratio, _)) in cheapest)
        {
            output.WriteLine($"{path}: reserved at least {ratio:0.###} times the bill");
        }

        Assert.True(billed <= limit, $"Seed {Seed}: {billed} billed of {limit}");
        Assert.Equal(billed, await store.ReadAsync(key));
        Assert.True(admitted > 0 && refused > 0, $"Seed {Seed}: {admitted} admitted, {refused} refused");

        async Task SettleAsync((Guid Id, PicoDollars Reserved, PicoDollars Bill) one)
        {
            billed += one.Bill;
            await store.SettleAsync(key, one.Id, one.Reserved, one.Bill, isCounted: true);
        }
    }

    /// <summary>Tries a few ways to make the gateway and upstream read a body differently.</summary>
    private static TreeObject Vary(TreeObject body, string path, TestRandom random)
    {
        for (var i = random.Next(3); i > 0; i--)
        {
            var (name, value) = random.Next(3) switch
            {
                0 => RandomBody.IgnoredMember(path, random),
                1 => RandomBody.Member(random),
                _ => RandomBody.Create(path, random).Members[0],
            };

            // Also as a duplicate. Bodies do not grow for ever.
            body = body.Members.Count < 20 ? body.With(random, name, value) : body;
        }

        return body;
    }

    private static PicoDollars Pico(decimal usd) => new((Int128)(usd * 1_000_000_000_000m));
}
