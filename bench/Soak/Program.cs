using System.CommandLine;
using Soak;
using Soak.Chaos;

var minutes = new Option<double>("--minutes") { Description = "duration of the load", DefaultValueFactory = _ => 10 };
minutes.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is not (>= 0.1 and <= 1440))
    {
        result.AddError("--minutes: expected a number from 0.1 to 1440");
    }
});
var workers = new Option<int>("--workers") { Description = "maximum number of concurrent calls", DefaultValueFactory = _ => 48 };
workers.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= 1000))
    {
        result.AddError("--workers: expected a number from 1 to 1000");
    }
});
var seed = new Option<ulong>("--seed")
{
    Description = "repeats the calls of another run; default: a new seed",
    DefaultValueFactory = _ => (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
};
var gateway = new Option<string?>("--gateway")
{
    Description = "a folder with a published gateway; default: this clone is published",
};
var picture = new Option<string?>("--picture") { Description = "an SVG file to draw the curves into" };
var withoutNode = new Option<bool>("--without-node") { Description = "leaves out the SDKs for Node.js, without which the run fails" };

var command = new RootCommand("A bounded soak of the gateway: all features on, all kinds of failures, and no resource may grow.")
{
    minutes, workers, seed, gateway, picture,
};
command.SetAction((parsed, cancellationToken) => SoakRun.RunAsync(OptionsOf(parsed), cancellationToken));
var chaos = new Command("chaos", "Every fault of upstream at random, with kills and changes of the settings.")
{
    minutes, workers, seed, gateway, withoutNode,
};
chaos.Validators.Add(result =>
{
    if (result.GetValue(workers) > ChaosRun.MostWorkers)
    {
        result.AddError($"--workers: at most {ChaosRun.MostWorkers} clients, since each has a team of its own");
    }
});
chaos.SetAction((parsed, cancellationToken) => ChaosRun.RunAsync(OptionsOf(parsed), cancellationToken));
command.Add(chaos);
return await command.Parse(args).InvokeAsync();

SoakOptions OptionsOf(ParseResult parsed) => new()
{
    Load = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
    Workers = parsed.GetValue(workers),
    Seed = parsed.GetValue(seed),
    Gateway = parsed.GetValue(gateway),
    Picture = parsed.GetValue(picture),
    IsWithoutNode = parsed.GetValue(withoutNode),
    CommandLine = string.Join(' ', args),
};
