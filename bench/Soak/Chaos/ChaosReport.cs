using Soak.Chaos.Clients;

namespace Soak.Chaos;

/// <summary>The report of a chaos run.</summary>
internal sealed class ChaosReport
{
    public required SoakOptions Options { get; init; }

    public required CheckList Checks { get; init; }

    public required Outcomes Outcomes { get; init; }

    public required ChaosRecord Record { get; init; }

    public required SdkFleet Sdks { get; init; }

    public required KilledGateway Gateway { get; init; }

    public required SettingsChanger Changer { get; init; }

    public required Weather Weather { get; init; }

    public required ChaosAudit Audit { get; init; }

    /// <summary>The kinds of calls.</summary>
    public static IEnumerable<string> Kinds() =>
    [
        ChaosCall.None, ChaosCall.Episodes, ChaosCall.Leave,
        .. FakeOpenRouter.Faults.All.Where(fault => fault != FakeOpenRouter.Faults.Down).Select(fault => fault.Name),
    ];

    /// <summary>Writes the report to standard output.</summary>
    public void Write()
    {
        var calls = Record.Calls;
        var slowest = calls.Max(call => call.Took);
        var (open, settled, unresolvable) = Audit.States;
        var (ledger, book) = Audit.Totals;
        string[] head =
        [
            $"`{Options.CommandLine}`, seed {Options.Seed}",
            $"{Outcomes.Calls} calls by {Options.Workers} clients; {Weather.Episodes.All} episodes of upstream, of which "
            + $"{Weather.Episodes.Outages} outages; {Gateway.Kills} kills, {Changer.Changes} changes of the settings and {Changer.Refusals} refused",
            .. Sdks.Describe(),
            FormattableString.Invariant($"slowest call: {slowest.TotalSeconds:0.0} s; {calls.Count(call => call.WasKilled)} calls met a kill"),
            $"the ledger: {settled} rows settled, {unresolvable} unresolvable, {open} open (bills that upstream does not send or not yet); "
            + $"settled with an id: {ledger} pico-dollars, in the book {book}; {Audit.SecondDestinations} calls arrived at a second destination",
            "whole responses, calls without a fault of their own: " + Shares(hasOwnFault: false),
            "whole responses, calls that bring a fault: " + Shares(hasOwnFault: true),
        ];
        Console.Write(Report.Render("Chaos", head, Checks.All, Outcomes, Kinds()));
    }

    private string Shares(bool hasOwnFault) =>
        $"direct {Record.Share(isDirect: true, isHttp2: false, hasOwnFault)}; through the gateway over HTTP/1.1 "
        + $"{Record.Share(isDirect: false, isHttp2: false, hasOwnFault)}, over HTTP/2 {Record.Share(isDirect: false, isHttp2: true, hasOwnFault)}";
}
