using System.CommandLine;
using HopBenchmark;

// The load reads on the threads that poll the sockets: a work item of the pool per event would cost more than the read. Hops do not inherit
// this variable or any other tuning variable.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

var scenarios = new Option<string[]>("--scenario")
{
    Description = "only this one; repeatable: " + string.Join(", ", HopComparison.Scenarios),
};
scenarios.AcceptOnlyFromAmong([.. HopComparison.Scenarios]);
var hops = new Option<string[]>("--hop")
{
    Description = "only this one beside direct; repeatable: nginx, \"plain YARP\", portkey, gateway, gateway-teams, and those of --gateway",
};
var gateways = new Option<string[]>("--gateway")
{
    Description = "NAME=FOLDER, repeatable: another published gateway, ordinary or native; there is NAME and, with everything on, NAME-teams",
};
gateways.Validators.Add(result =>
{
    foreach (var token in result.Tokens.Where(token => token.Value.IndexOf('=', StringComparison.Ordinal) < 1))
    {
        result.AddError($"--gateway {token.Value}: expected NAME=FOLDER");
    }
});
var native = new Option<string?>("--native")
{
    Description = "a folder with the gateway as a native program, for the sizes of bodies and start; made there if there is none, which takes minutes",
};
var rounds = new Option<int>("--rounds") { Description = "interleaved rounds", DefaultValueFactory = _ => 5 };
var seconds = new Option<int>("--seconds") { Description = "length of a round", DefaultValueFactory = _ => 3 };
var patience = new Option<int>("--patience")
{
    Description = "seconds to wait for a quiet machine before each measurement; 0 takes it as it comes",
    DefaultValueFactory = _ => 60,
};
var results = new Option<string?>("--results") { Description = "a Markdown file to write the tables to" };
var test = new Option<bool>("--test") { Description = "everything once and briefly, without wrk: does it run, and without an error?" };

var command = new RootCommand("Cost of a hop: direct, nginx, plain YARP, Portkey and the gateway, interleaved in one run.")
{
    scenarios, hops, gateways, native, rounds, seconds, patience, results, test,
};
command.Validators.Add(result =>
{
    if (!result.GetValue(test) && !Tool.Exists("wrk"))
    {
        result.AddError("wrk is missing: install it, or take --test, which does without");
    }
});
command.SetAction(parsed => HopComparison.RunAsync(
    new HopComparisonOptions
    {
        Scenarios = parsed.GetValue(scenarios) ?? [],
        Hops = parsed.GetValue(hops) ?? [],
        OtherGateways = [.. (parsed.GetValue(gateways) ?? []).Select(ToGateway)],
        Native = parsed.GetValue(native) is { } folder ? Path.GetFullPath(folder) : null,
        Rounds = parsed.GetValue(test) ? 1 : parsed.GetValue(rounds),
        Round = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
        Patience = TimeSpan.FromSeconds(parsed.GetValue(test) ? 0 : parsed.GetValue(patience)),
        Results = parsed.GetValue(results),
        Test = parsed.GetValue(test),
        CommandLine = string.Join(' ', args),
    }));
return await command.Parse(args).InvokeAsync();

static (string Name, string Program) ToGateway(string text)
{
    var at = text.IndexOf('=', StringComparison.Ordinal);
    var folder = Path.GetFullPath(text[(at + 1)..]);
    var program = Path.Combine(folder, "Gateway.dll");
    return (text[..at], File.Exists(program) ? program : Path.Combine(folder, "Gateway"));
}
