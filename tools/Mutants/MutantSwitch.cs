namespace Mutants;

/// <summary>
/// The switch that the instrumented program asks at each mutation. It is written into <c>Gateway.Transforms</c>, the lowest assembly,
/// and reached from here by reflection.
/// </summary>
internal static class MutantSwitch
{
    /// <summary>The expression that is true while a mutant is active.</summary>
    public static string Test(int id) => $"global::MutantSwitch.M.Is({id})";

    /// <summary>The source text of the switch.</summary>
    public static string Source(int count) => $$"""
        #nullable enable
        namespace MutantSwitch
        {
            internal static class M
            {
                public static int Active = int.TryParse(System.Environment.GetEnvironmentVariable("MUTANT"), out var id) ? id : 0;
                public static readonly bool[] Reached = new bool[{{count + 1}}];

                public static bool Is(int id)
                {
                    Reached[id] = true;
                    return Active == id;
                }

                public static T Default<T>(T value) => default!;

                public static T Left<T>(T? left, T right) where T : class => left!;

                public static T Left<T>(T? left, T right) where T : struct => left.GetValueOrDefault();
            }
        }
        """;
}
