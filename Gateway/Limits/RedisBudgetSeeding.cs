using System.Collections.Concurrent;
using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using StackExchange.Redis;
using static Gateway.Limits.RedisBudgetNames;
using static Gateway.Limits.RedisBudgetValues;

namespace Gateway.Limits;

/// <summary>
/// Seeds the counters of <see cref="RedisBudgetStore"/> from the ledger: one hash per period, whose charges and open reservations are those of
/// the rows. Knows the periods that this process uses.
/// </summary>
/// <param name="link">The connection to Redis; not owned.</param>
/// <param name="names">The keys and fields.</param>
/// <param name="ledger">The ledger, which is open.</param>
/// <param name="terms">The terms by which budgets count rows.</param>
/// <param name="time">The clock.</param>
/// <param name="pageSize">The number of uncounted rows that a seed reads and marks at once; fewer than 4,000, which a script can pass on.</param>
internal sealed class RedisBudgetSeeding(
    RedisLink link, RedisBudgetNames names, LedgerAccess ledger, BudgetTerms terms, TimeProvider time, int pageSize)
{
    /// <summary>The number of uncounted rows that a seed reads and marks at once.</summary>
    internal const int DefaultPageSize = 1000;

    /// <summary>
    /// The longest time that a request waits for a counter to be seeded: queries of the ledger and scripts. A seed with many uncounted rows
    /// takes longer, and goes on.
    /// </summary>
    private static readonly TimeSpan SeedTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The time that a hash is kept after its period, for late bills.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromDays(3);

    /// <summary>The time that the marks of a seed are kept after the latest page, if the process ends within the seed.</summary>
    private static readonly TimeSpan MarksExpiry = TimeSpan.FromMinutes(10);

    /// <summary>The periods in use, and how many times this process has seeded their counters.</summary>
    private readonly ConcurrentDictionary<BudgetKey, int> _seeds = new();

    private readonly ConcurrentDictionary<BudgetKey, Task> _seeding = new();

    /// <summary>Notes that a period is in use, and returns how many times this process has seeded its counter.</summary>
    public int CountOf(BudgetKey key) => _seeds.GetOrAdd(key, 0);

    /// <summary>The periods with reservations of this process, except those whose hashes have expired.</summary>
    public IReadOnlyCollection<BudgetKey> KnownKeys()
    {
        foreach (var (key, _) in _seeds)
        {
            if (key.End is { } end && time.GetUtcNow() >= end + Grace)
            {
                _seeds.TryRemove(key, out _);
            }
        }

        return [.. _seeds.Keys];
    }

    /// <summary>Seeds the counter of a period. Concurrent calls share one seed.</summary>
    /// <exception cref="LimitStoreException">The ledger or Redis failed or was too slow.</exception>
    public async Task SeedAsync(BudgetKey key)
    {
        var seeding = _seeding.GetOrAdd(key, static (key, owner) => Task.Run(() => owner.SeedOnceAsync(key)), this);
        try
        {
            await seeding.WaitAsync(SeedTimeout, time);
        }
        catch (Exception fault) when (fault is LedgerException or TimeoutException)
        {
            throw new LimitStoreException("The counter of a budget could not be seeded from the ledger.", fault);
        }
        catch (LimitStoreException fault)
        {
            // The seed may have taken effect. The reservation that waits for it is not sent.
            throw new LimitStoreException(fault.Message, fault);
        }
        finally
        {
            if (seeding.IsCompleted)
            {
                _seeding.TryRemove(new KeyValuePair<BudgetKey, Task>(key, seeding));
            }
        }
    }

    /// <summary>
    /// Seeds the counter with the ledger's charges. The sum includes closed rows that the ledger lists as uncounted. They are marked, so
    /// that the reconciler does not add them again. The list is read after the sum: a row that was closed in between is among the open rows
    /// of the sum and needs no mark; an expired row that was settled in between, or a row that began in between, is not in the sum and must
    /// not be marked. The marks belong to this sum: they are gathered in a key of their own, since another node may seed the counter with
    /// another sum meanwhile.
    /// </summary>
    private async Task SeedOnceAsync(BudgetKey key)
    {
        var readAt = time.GetUtcNow();
        var charges = await ledger.Store.ReadChargesAsync(
            key.Team, key.KeyLabel, key.Start, DateTimeOffset.MaxValue, terms.HeldSince, CancellationToken.None);
        var expired = charges.Expired.ToHashSet();
        var marks = names.NewMarksOf(key);
        var marked = 0;
        try
        {
            await foreach (var page in ReadUncountedAsync(key, readAt))
            {
                // A row without a bill has no charge yet. Its late bill is added.
                var values = new List<RedisValue> { ((long)MarksExpiry.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) };
                foreach (var row in page)
                {
                    if (!terms.IsExpired(row) && !charges.Open.ContainsKey(row.Id) && !expired.Contains(row.Id) && row.StartedAt < readAt)
                    {
                        values.Add(DoneField(row.Id));
                        values.Add("1");
                        marked++;
                    }
                }

                if (values.Count > 1)
                {
                    await link.RunAsync(RedisBudgetScripts.Mark, [marks], [.. values]);
                }
            }

            await WriteAsync(key, charges, marks, marked);
        }
        finally
        {
            if (marked > 0)
            {
                link.Post(RedisBudgetScripts.Forget, [marks], []);
            }
        }

        _seeds.AddOrUpdate(key, 1, static (_, seeds) => seeds + 1);
    }

    /// <summary>The uncounted rows of a budget that began before a time, page by page, and some that began later.</summary>
    private async IAsyncEnumerable<IReadOnlyList<RowCharge>> ReadUncountedAsync(BudgetKey key, DateTimeOffset before)
    {
        var next = new UncountedPage(key.Team, key.KeyLabel, key.Start, Guid.Empty, pageSize);
        IReadOnlyList<RowCharge> page;
        do
        {
            page = await ledger.Store.ReadUncountedAsync(next, CancellationToken.None);
            if (page.Count > 0)
            {
                yield return page;
                next = next with { From = page[^1].StartedAt, After = page[^1].Id };
            }
        }
        while (page.Count == pageSize && next.From < before);
    }

    /// <summary>Writes the counter, unless another node has written it.</summary>
    private async Task WriteAsync(BudgetKey key, TeamCharges charges, RedisKey marks, int marked)
    {
        var expires = key.End is { } end ? (end + Grace).ToUnixTimeMilliseconds() : 0;
        var values = new List<RedisValue>
        {
            names.Mark,
            Stored(terms.ChargeOf(key, charges)),
            expires.ToString(CultureInfo.InvariantCulture),
            marked.ToString(CultureInfo.InvariantCulture),
        };
        foreach (var (id, reserved) in charges.Open)
        {
            values.Add(names.FieldOf(id));
            values.Add(Stored(reserved));
        }

        foreach (var id in charges.Expired)
        {
            values.Add(ExpiredField(id));
            values.Add("1");
        }

        if (Number(await link.RunAsync(RedisBudgetScripts.Seed, [names.KeyOf(key), marks], [.. values])) < 0)
        {
            throw new LimitStoreException("Redis has lost the marks of a seed.");
        }
    }
}
