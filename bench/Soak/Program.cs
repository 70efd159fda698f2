using System.CommandLine;
using Soak;

var minutes = new Option<double>("--minutes") { Description = "how long the load lasts", DefaultValueFactory = _ => 10 };
minutes.Validators.Add(result =>
{
    if (result.GetValueOrDefault<double>() is not (>= 0.1 and <= 1440))
    {
        result.AddError("--minutes: expected a number from 0.1 to 1440");
    }
});
var workers = new Option<int>("--workers") { Description = "calls at once, at most", DefaultValueFactory = _ => 48 };
workers.Validators.Add(result =>
{
    if (result.GetValueOrDefault<int>() is not (>= 1 and <= 1000))
    {
        result.AddError("--workers: expected a number from 1 to 1000");
    }
});
var seed = new Option<ulong>("--seed")
{
    Description = "makes the calls of another run again; without it a new one",
    DefaultValueFactory = _ => (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
};
var gateway = new Option<string?>("--gateway")
{
    Description = "a folder with a published gateway; without it this clone's own is published",
};
var picture = new Option<string?>("--picture") { Description = "an SVG file to draw the curves into" };

var command = new RootCommand("A bounded soak of the gateway: everything on, everything going wrong, and nothing may grow.")
{
    minutes, workers, seed, gateway, picture,
};
command.SetAction((parsed, cancellationToken) => SoakRun.RunAsync(
    new SoakOptions
    {
        Load = TimeSpan.FromMinutes(parsed.GetValue(minutes)),
        Workers = parsed.GetValue(workers),
        Seed = parsed.GetValue(seed),
        Gateway = parsed.GetValue(gateway),
        Picture = parsed.GetValue(picture),
        CommandLine = string.Join(' ', args),
    },
    cancellationToken));
return await command.Parse(args).InvokeAsync();
