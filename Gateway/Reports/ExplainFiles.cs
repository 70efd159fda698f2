using Gateway.Admission;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Pricing;

namespace Gateway.Reports;

/// <summary>
/// Explains a request on the command line, from the files of a gateway: its ledger and its price list. The amounts that a running gateway
/// has set aside in memory, the levels of its limits, and whether it has room for a request, are not known.
/// </summary>
internal sealed class ExplainFiles
{
    /// <summary>Explains without files.</summary>
    public static ExplainFiles None { get; } = new();

    /// <summary>Creates the ledger's store, not yet open.</summary>
    public Func<ILedgerStore>? Ledger { get; init; }

    /// <summary>The path of the ledger; <see langword="null"/> for a database. Opening a store would create the file.</summary>
    public string? LedgerPath { get; init; }

    /// <summary>The path of the price list.</summary>
    public string? PricesPath { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Explains a request.</summary>
    /// <returns>The explanation, and notes on the parts that it leaves out.</returns>
    public async Task<(RequestExplanation Explanation, IReadOnlyList<string> Notes)> ExplainAsync(ExplainedRequest request)
    {
        var notes = new List<string>();
        var hasBudget = request.Team is { HasBudget: true };
        var prices = hasBudget ? ReadPrices(request.Snapshot, notes) : null;
        RequestExplanation explanation;
        try
        {
            await using var ledger = hasBudget && prices is not null ? await OpenLedgerAsync(notes) : null;
            explanation = await ExplainAsync(request, prices, ledger);
        }
        catch (LedgerException fault)
        {
            notes.Add($"The ledger cannot be read, so the level of the budget is left out: {fault.Message}");
            explanation = await ExplainAsync(request, prices, ledger: null);
        }

        if (request.Team is { } team && (hasBudget || !team.Limits.IsNone || team.Keys.Any(static key => !key.Limits.IsNone)))
        {
            notes.Add("This command knows the ledger, not what a running gateway has set aside, nor the levels of its limits.");
        }

        notes.Add(
            $"Whether a gateway is too busy (503 {GatewayError.ServerBusy.Code})"
            + (request.Team is null ? "" : $" or cannot write its ledger (503 {GatewayError.UsageUnavailable.Code})")
            + " at the moment, this command cannot know. POST /admin/explain of the running gateway knows.");
        return (explanation, notes);
    }

    private async Task<RequestExplanation> ExplainAsync(ExplainedRequest request, PriceList? prices, ILedgerStore? ledger)
    {
        var (teams, unknownHold) = (request.Snapshot.Teams, request.Snapshot.Settings.Limits.UnknownHold);
        var terms = new BudgetTerms(id => teams.TryGet(id, out var team) ? team : null, () => unknownHold, Time);
        var budgets = ledger is null ? null : new LedgerBudgetPreview(ledger, terms);
        return await RequestExplainer.ExplainAsync(request, prices, new AdmissionPreview(limits: null, budgets, Time), Time.GetUtcNow());
    }

    private PriceList? ReadPrices(SettingsSnapshot snapshot, List<string> notes)
    {
        var prices = StoredPrices.Read(snapshot, PricesPath, out var fault);
        if (PricesPath is not null && fault is null)
        {
            return prices;
        }

        if (fault is not null)
        {
            notes.Add($"The price list {PricesPath} cannot be read: {fault.Message}");
        }

        var hasStated = snapshot.Settings.Limits.Prices.Count > 0;
        notes.Add(hasStated
            ? "Without a price list, only the prices of the settings are known."
            : "Without a price list, the price and the budget are left out.");
        return hasStated ? prices : null;
    }

    private async Task<ILedgerStore?> OpenLedgerAsync(List<string> notes)
    {
        if (Ledger is null || (LedgerPath is not null && !File.Exists(LedgerPath)))
        {
            notes.Add($"There is no ledger{(LedgerPath is null ? "" : $" at {LedgerPath}")}, so the level of the budget is left out.");
            return null;
        }

        var store = Ledger();
        try
        {
            await store.OpenAsync(CancellationToken.None);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }
}
