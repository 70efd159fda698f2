using System.Globalization;
using Gateway.Primitives;

namespace Gateway.Alerts;

/// <summary>An alert in words, without any markup.</summary>
/// <param name="Title">What has happened.</param>
/// <param name="Details">The figures, and what it means.</param>
internal readonly record struct AlertText(string Title, string Details)
{
    /// <summary>Describes an alert.</summary>
    public static AlertText Of(Alert alert) => alert.Kind switch
    {
        AlertKind.BudgetThreshold => new AlertText(
            $"{(alert.KeyLabel is { } label ? $"Key {label} of team" : "Team")} {alert.Team} has spent {Percent(alert.Threshold!.Value)} of its budget", $"{Spent(alert.Budget!)}{Reset(alert.Budget!)}"),
        AlertKind.BudgetExceeded => new AlertText(
            $"A request of {(alert.KeyLabel is { } label ? $"key {label} of " : "")}team {alert.Team} exceeds its budget",
            (alert.IsRefused == true
                ? "It was refused with 402 budget_exceeded. "
                : "It has passed, since the budget only reports. ")
                + $"{Spent(alert.Budget!)}{Reset(alert.Budget!)}"),
        AlertKind.UpstreamKeyRejected => new AlertText(
            $"OpenRouter rejects the key of team {alert.Team}",
            string.Create(
                CultureInfo.InvariantCulture,
                $"A request with the key {alert.UpstreamKey} was answered with status {alert.Status}{Meaning(alert.Status)}. Until the key works again, its requests fail with 503 upstream_key_rejected.")),
        _ => throw new ArgumentOutOfRangeException(nameof(alert), alert.Kind, null),
    };

    /// <inheritdoc />
    public override string ToString() => $"{Title}. {Details}";

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
