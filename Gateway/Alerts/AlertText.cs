using System.Globalization;
using Gateway.Primitives;

namespace Gateway.Alerts;

/// <summary>An alert in words, without any markup.</summary>
/// <param name="Title">The event.</param>
/// <param name="Details">The figures, and the meaning of the event.</param>
internal readonly record struct AlertText(string Title, string Details)
{
    /// <summary>Describes an alert.</summary>
    public static AlertText Of(Alert alert) => alert.Kind switch
    {
        AlertKind.BudgetThreshold => new AlertText(
            $"{Holder(alert, "Team", "A key of team")} has spent {Percent(alert.Threshold!.Value)} of its budget", Level(alert)),
        AlertKind.BudgetExceeded => new AlertText(
            $"A request of {Holder(alert, "team", "a key of team")} exceeds its budget",
            (alert.IsRefused == true
                ? "It was refused with 402 budget_exceeded. "
                : "It has passed, since the budget only reports. ")
                + Level(alert)),
        AlertKind.UpstreamKeyRejected => new AlertText(
            $"OpenRouter rejects the key of team {alert.Team}",
            string.Create(
                CultureInfo.InvariantCulture,
                $"A request with the key {alert.UpstreamKey} was answered with status {alert.Status}{Meaning(alert.Status)}. Until the key works again, its requests fail with 503 upstream_key_rejected.")),
        _ => throw new ArgumentOutOfRangeException(nameof(alert), alert.Kind, null),
    };

    /// <inheritdoc />
    public override string ToString() => $"{Title}. {Details}";

    // The key's label stands in the details: Slack takes 150 characters of a title, and the names of team and key may have 64 each.
    private static string Holder(Alert alert, string team, string key) => $"{(alert.KeyLabel is null ? team : key)} {alert.Team}";

    private static string Level(Alert alert) =>
        $"{(alert.KeyLabel is { } label ? $"Key {label}: " : "")}{Spent(alert.Budget!)}{Reset(alert.Budget!)}";

    private static string Meaning(int? status) => status switch
    {
        401 => " (the key is unknown, disabled or revoked)",
        402 => " (the account or the key has no credit left)",
        _ => "",
    };

    private static string Spent(AlertBudget budget) => $"{Usd(budget.Spent)} of {Usd(budget.Limit)} USD {Period(budget.Period)} are spent.";

    private static string Period(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => "for this day",
        BudgetPeriod.Week => "for this week",
        BudgetPeriod.Month => "for this month",
        BudgetPeriod.Total => "in total",
        _ => throw new ArgumentOutOfRangeException(nameof(period), period, null),
    };

    private static string Reset(AlertBudget budget) => budget.ResetsAt is { } end
        ? $" The budget resets at {end.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC."
        : "";

    private static string Percent(decimal fraction) => $"{(fraction * 100).ToString("0.##", CultureInfo.InvariantCulture)} %";

    /// <summary>Rounded for people; the amounts of the JSON are exact.</summary>
    private static string Usd(PicoDollars amount)
    {
        var usd = amount.ApproximateUsd;
        return usd.ToString(Math.Abs(usd) >= 1 ? "0.00" : "0.00####", CultureInfo.InvariantCulture);
    }
}
