using System.Globalization;
using System.Text.Json;

namespace Mutants;

internal static class MutantsProgram
{
    private const string Usage = """
        Mutation testing; see docs/mutation-testing.md.
          instrument <copy>                              instruments the folders of suites.json in a copy of the repository and builds it
          run <copy> <folder> [sample] [seed] [again]    runs the mutants of a folder
          report <copy> <folder> [sample] [seed]         prints the score of a folder and its survivors
        """;

    public static async Task<int> Main(string[] args)
    {
        if (args.Length < 2)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        var workspace = new Workspace(args[1]);
        var sample = args is ["run" or "report", _, _, var count, ..] ? Number(count) : int.MaxValue;
        var seed = args is ["run" or "report", _, _, _, var start, ..] ? (uint)Number(start) : 1;
        switch (args[0])
        {
            case "instrument":
                return InstrumentCommand.Run(workspace, [.. Suites().Select(static suite => suite.Folder).Where(static folder => folder.EndsWith('/'))]);
            case "run" when args.Length > 2:
                return RunCommand.Run(workspace, Suites().Single(suite => suite.Folder == args[2]), sample, seed, args.Length > 5);
            case "report":
                return ReportCommand.Run(workspace, [.. Suites().Where(suite => args.Length < 3 || suite.Folder == args[2])], sample, seed);
            case "cover":
                return await WorkCommand.CoverAsync(workspace, args[2].Split(','));
            case "mutate":
                return await WorkCommand.MutateAsync(workspace, args[2].Split(','), [.. args[3].Split(',').Select(Number)]);
            case "static":
                return await WorkCommand.MutateStaticAsync(workspace, args[2].Split(','), Number(args[3]));
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static Suite[] Suites() =>
        JsonSerializer.Deserialize<Suite[]>(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "suites.json")))!;
}
