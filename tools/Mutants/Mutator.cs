using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Mutants;

/// <summary>
/// Writes every mutant of a file into the file itself, each behind a test of <see cref="MutantSwitch"/>, so that all mutants are compiled
/// at once and one of them is chosen at run time. Works on syntax alone; mutants that do not compile are found by the build and excluded
/// by a second run, which numbers the mutants in the same way.
/// </summary>
internal sealed class Mutator : CSharpSyntaxRewriter
{
    private readonly string _file;
    private readonly IReadOnlySet<int> _excluded;
    private readonly HashSet<string> _constants;
    private readonly List<Mutant> _mutants;

    private Mutator(string file, SyntaxNode root, IReadOnlySet<int> excluded, List<Mutant> mutants)
    {
        _file = file;
        _excluded = excluded;
        _mutants = mutants;
        _constants = [.. root.DescendantNodes().OfType<VariableDeclarationSyntax>()
            .Where(static declaration => IsConst(declaration.Parent) && declaration.Type.ToString() is "int" or "long")
            .SelectMany(static declaration => declaration.Variables)
            .Select(static variable => variable.Identifier.Text)];
    }

    /// <summary>Instruments a file and appends its mutants.</summary>
    public static string Instrument(string file, string text, IReadOnlySet<int> excluded, List<Mutant> mutants)
    {
        var root = CSharpSyntaxTree.ParseText(text).GetRoot();
        return new Mutator(file, root, excluded, mutants).Visit(root)!.ToFullString();
    }

    // Constants at compile time and patterns cannot be chosen at run time.
    public override SyntaxNode? VisitAttributeList(AttributeListSyntax node) => node;

    public override SyntaxNode? VisitEnumDeclaration(EnumDeclarationSyntax node) => node;

    public override SyntaxNode? VisitParameter(ParameterSyntax node) => node;

    public override SyntaxNode? VisitConstantPattern(ConstantPatternSyntax node) => node;

    public override SyntaxNode? VisitRelationalPattern(RelationalPatternSyntax node) => node;

    public override SyntaxNode? VisitCaseSwitchLabel(CaseSwitchLabelSyntax node) => node;

    public override SyntaxNode? VisitFieldDeclaration(FieldDeclarationSyntax node) => IsConst(node) ? node : base.VisitFieldDeclaration(node);

    public override SyntaxNode? VisitLocalDeclarationStatement(LocalDeclarationStatementSyntax node) =>
        IsConst(node) ? node : base.VisitLocalDeclarationStatement(node);

    public override SyntaxNode? VisitBinaryExpression(BinaryExpressionSyntax node)
    {
        var visited = base.VisitBinaryExpression(node)!;
        if (Declares(node) || node.Ancestors().Any(static ancestor => ancestor is InterpolationAlignmentClauseSyntax))
        {
            return visited;
        }

        string[] operators = node.Kind() switch
        {
            SyntaxKind.LessThanExpression => ["<=", ">="],
            SyntaxKind.LessThanOrEqualExpression => ["<", ">"],
            SyntaxKind.GreaterThanExpression => [">=", "<="],
            SyntaxKind.GreaterThanOrEqualExpression => [">", "<"],
            SyntaxKind.EqualsExpression => ["!="],
            SyntaxKind.NotEqualsExpression => ["=="],
            SyntaxKind.LogicalAndExpression => ["||"],
            SyntaxKind.LogicalOrExpression => ["&&"],
            SyntaxKind.AddExpression when !IsText(node) => ["-"],
            SyntaxKind.SubtractExpression => ["+"],
            SyntaxKind.MultiplyExpression => ["/"],
            SyntaxKind.DivideExpression => ["*"],
            SyntaxKind.ModuloExpression => ["*"],
            SyntaxKind.LeftShiftExpression => [">>"],
            SyntaxKind.RightShiftExpression => ["<<"],
            SyntaxKind.BitwiseAndExpression => ["|"],
            SyntaxKind.BitwiseOrExpression => ["&"],
            SyntaxKind.ExclusiveOrExpression => ["&"],
            _ => [],
        };
        foreach (var other in operators)
        {
            visited = Choose(node, visited, $"{node.Left} {other} {node.Right}", Kind(node));
        }

        if (node.IsKind(SyntaxKind.CoalesceExpression))
        {
            if (node.Right is not ThrowExpressionSyntax)
            {
                visited = Choose(node, visited, $"global::MutantSwitch.M.Left({node.Left}, {node.Right})", "coalesce");
                visited = Choose(node, visited, node.Right.ToString(), "coalesce");
            }
        }

        return visited;

        static string Kind(BinaryExpressionSyntax node) => node.Kind() switch
        {
            SyntaxKind.LessThanExpression or SyntaxKind.LessThanOrEqualExpression or SyntaxKind.GreaterThanExpression
                or SyntaxKind.GreaterThanOrEqualExpression or SyntaxKind.EqualsExpression or SyntaxKind.NotEqualsExpression => "comparison",
            SyntaxKind.LogicalAndExpression or SyntaxKind.LogicalOrExpression => "logic",
            _ => "arithmetic",
        };
    }

    public override SyntaxNode? VisitPrefixUnaryExpression(PrefixUnaryExpressionSyntax node)
    {
        var visited = base.VisitPrefixUnaryExpression(node)!;
        return node.Kind() switch
        {
            SyntaxKind.LogicalNotExpression when !Declares(node) => Flip(node, visited, "negation"),
            SyntaxKind.UnaryMinusExpression => Choose(node, visited, node.Operand.ToString(), "arithmetic"),
            SyntaxKind.PreIncrementExpression when IsValue(node) => Choose(node, visited, $"--{node.Operand}", "arithmetic"),
            SyntaxKind.PreDecrementExpression when IsValue(node) => Choose(node, visited, $"++{node.Operand}", "arithmetic"),
            _ => visited,
        };
    }

    public override SyntaxNode? VisitPostfixUnaryExpression(PostfixUnaryExpressionSyntax node)
    {
        var visited = base.VisitPostfixUnaryExpression(node)!;
        return node.Kind() switch
        {
            SyntaxKind.PostIncrementExpression when IsValue(node) => Choose(node, visited, $"{node.Operand}--", "arithmetic"),
            SyntaxKind.PostDecrementExpression when IsValue(node) => Choose(node, visited, $"{node.Operand}++", "arithmetic"),
            _ => visited,
        };
    }

    public override SyntaxNode? VisitLiteralExpression(LiteralExpressionSyntax node)
    {
        SyntaxNode visited = node;
        switch (node.Kind())
        {
            case SyntaxKind.TrueLiteralExpression or SyntaxKind.FalseLiteralExpression when node.Parent is not WhileStatementSyntax:
                return Flip(node, node, "constant");
            case SyntaxKind.NumericLiteralExpression:
                foreach (var other in Neighbours(node.Token))
                {
                    visited = Choose(node, visited, other, "constant");
                }

                return visited;
            default:
                return node;
        }
    }

    public override SyntaxNode? VisitIdentifierName(IdentifierNameSyntax node)
    {
        if (!_constants.Contains(node.Identifier.Text)
            || node.Parent is NameColonSyntax or MemberAccessExpressionSyntax or VariableDeclarationSyntax)
        {
            return node;
        }

        var visited = Choose(node, node, $"{node} + 1", "constant");
        return Choose(node, visited, $"{node} - 1", "constant");
    }

    public override SyntaxNode? VisitInvocationExpression(InvocationExpressionSyntax node)
    {
        if (node.Expression.ToString() is "nameof")
        {
            return node;
        }

        var visited = base.VisitInvocationExpression(node)!;
        if (node.Expression is not MemberAccessExpressionSyntax member || Declares(node) || node.Parent is ExpressionStatementSyntax)
        {
            return visited;
        }

        var other = member.Name.Identifier.Text switch
        {
            "Min" => "Max",
            "Max" => "Min",
            "Increment" => "Decrement",
            "Decrement" => "Increment",
            "Any" => "All",
            "All" => "Any",
            "StartsWith" => "EndsWith",
            "EndsWith" => "StartsWith",
            "IndexOf" => "LastIndexOf",
            "LastIndexOf" => "IndexOf",
            "First" => "Last",
            "Last" => "First",
            "FirstOrDefault" => "LastOrDefault",
            "LastOrDefault" => "FirstOrDefault",
            _ => null,
        };
        return other is null ? visited : Choose(node, visited, $"{member.Expression}.{other}{node.ArgumentList}", "method");
    }

    public override SyntaxNode? VisitMemberAccessExpression(MemberAccessExpressionSyntax node)
    {
        var other = node.ToString() switch
        {
            "StringComparison.Ordinal" => "StringComparison.OrdinalIgnoreCase",
            "StringComparison.OrdinalIgnoreCase" => "StringComparison.Ordinal",
            "StringComparer.Ordinal" => "StringComparer.OrdinalIgnoreCase",
            "StringComparer.OrdinalIgnoreCase" => "StringComparer.Ordinal",
            _ => null,
        };
        return other is null ? base.VisitMemberAccessExpression(node) : Choose(node, node, other, "method");
    }

    public override SyntaxNode? VisitConditionalExpression(ConditionalExpressionSyntax node)
    {
        var visited = (ConditionalExpressionSyntax)base.VisitConditionalExpression(node)!;
        return visited.WithCondition(Condition(node.Condition, visited.Condition));
    }

    public override SyntaxNode? VisitIfStatement(IfStatementSyntax node)
    {
        var visited = (IfStatementSyntax)base.VisitIfStatement(node)!;
        return visited.WithCondition(Condition(node.Condition, visited.Condition));
    }

    public override SyntaxNode? VisitWhileStatement(WhileStatementSyntax node)
    {
        var visited = (WhileStatementSyntax)base.VisitWhileStatement(node)!;
        return visited.WithCondition(Condition(node.Condition, visited.Condition));
    }

    public override SyntaxNode? VisitWhenClause(WhenClauseSyntax node)
    {
        var visited = (WhenClauseSyntax)base.VisitWhenClause(node)!;
        return visited.WithCondition(Condition(node.Condition, visited.Condition));
    }

    public override SyntaxNode? VisitReturnStatement(ReturnStatementSyntax node)
    {
        if (node.Expression is null)
        {
            return Remove(node, node);
        }

        var visited = (ReturnStatementSyntax)base.VisitReturnStatement(node)!;
        return visited.WithExpression(Result(node.Expression, visited.Expression!));
    }

    public override SyntaxNode? VisitArrowExpressionClause(ArrowExpressionClauseSyntax node)
    {
        var visited = (ArrowExpressionClauseSyntax)base.VisitArrowExpressionClause(node)!;
        var isVoid = node.Parent switch
        {
            MethodDeclarationSyntax method => method.ReturnType.ToString() is "void" || IsAsyncVoid(method.Modifiers, method.ReturnType),
            LocalFunctionStatementSyntax local => local.ReturnType.ToString() is "void" || IsAsyncVoid(local.Modifiers, local.ReturnType),
            ConstructorDeclarationSyntax => true,
            AccessorDeclarationSyntax accessor => !accessor.IsKind(SyntaxKind.GetAccessorDeclaration),
            _ => false,
        };
        return isVoid ? visited : visited.WithExpression(Result(node.Expression, visited.Expression));
    }

    public override SyntaxNode? VisitMethodDeclaration(MethodDeclarationSyntax node)
    {
        var visited = (MethodDeclarationSyntax)base.VisitMethodDeclaration(node)!;
        return node.ExpressionBody is { } body && node.ReturnType.ToString() is "void" && visited.ExpressionBody is { } changed
            ? visited.WithExpressionBody(null).WithSemicolonToken(default).WithBody(SyntaxFactory.Block(
                Remove(body.Expression, SyntaxFactory.ParseStatement($"{changed.Expression};"))))
            : visited;
    }

    public override SyntaxNode? VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        var text = node.ToString();
        if (text.StartsWith("Log.", StringComparison.Ordinal) || text.StartsWith("Debug.Assert", StringComparison.Ordinal)
            || text.StartsWith("ArgumentNullException.", StringComparison.Ordinal))
        {
            return node;
        }

        var visited = (StatementSyntax)base.VisitExpressionStatement(node)!;
        var other = node.Expression switch
        {
            AssignmentExpressionSyntax { OperatorToken.Text: "+=" } sum => $"{sum.Left} -= {sum.Right};",
            AssignmentExpressionSyntax { OperatorToken.Text: "-=" } difference => $"{difference.Left} += {difference.Right};",
            PostfixUnaryExpressionSyntax { OperatorToken.Text: "++" } up => $"{up.Operand}--;",
            PostfixUnaryExpressionSyntax { OperatorToken.Text: "--" } down => $"{down.Operand}++;",
            _ => null,
        };
        if (other is not null && Add(node, other, "arithmetic") is { } id)
        {
            visited = SyntaxFactory.ParseStatement($"if ({MutantSwitch.Test(id)}) {{ {other} }} else {{ {visited} }}\n");
        }

        return Remove(node, visited);
    }

    public override SyntaxNode? VisitThrowStatement(ThrowStatementSyntax node) =>
        node.Expression is null ? node : Remove(node, (StatementSyntax)base.VisitThrowStatement(node)!);

    public override SyntaxNode? VisitBreakStatement(BreakStatementSyntax node) => node.Parent is SwitchSectionSyntax ? node : Remove(node, node);

    public override SyntaxNode? VisitContinueStatement(ContinueStatementSyntax node) => Remove(node, node);

    private static bool IsConst(SyntaxNode? node) => node switch
    {
        FieldDeclarationSyntax field => field.Modifiers.Any(SyntaxKind.ConstKeyword),
        LocalDeclarationStatementSyntax local => local.IsConst,
        _ => false,
    };

    private static bool IsAsyncVoid(SyntaxTokenList modifiers, TypeSyntax type) =>
        modifiers.Any(SyntaxKind.AsyncKeyword) && type.ToString() is "Task" or "ValueTask";

    // A variable that an expression declares or fills cannot be declared in both branches of a choice.
    private static bool Declares(SyntaxNode node) => node.DescendantNodesAndSelf().Any(static child =>
        child is DeclarationExpressionSyntax or SingleVariableDesignationSyntax or ArgumentSyntax { RefKindKeyword.RawKind: (int)SyntaxKind.OutKeyword });

    private static bool IsValue(SyntaxNode node) => node.Parent is not (ExpressionStatementSyntax or ForStatementSyntax);

    private static bool IsText(SyntaxNode node) => node.DescendantNodesAndSelf().Any(static child =>
        child is InterpolatedStringExpressionSyntax || child.IsKind(SyntaxKind.StringLiteralExpression));

    private static bool IsSimple(ExpressionSyntax node) => node switch
    {
        ParenthesizedExpressionSyntax inner => IsSimple(inner.Expression),
        PrefixUnaryExpressionSyntax { RawKind: (int)SyntaxKind.LogicalNotExpression } => true,
        LiteralExpressionSyntax => true,
        BinaryExpressionSyntax binary => !binary.IsKind(SyntaxKind.IsExpression) && !binary.IsKind(SyntaxKind.AsExpression),
        _ => false,
    };

    private static IEnumerable<string> Neighbours(SyntaxToken token) => token.Value switch
    {
        int value => value == 0 ? ["1"] : [$"{(long)value + 1}", $"{value - 1}"],
        long value => value == 0 ? ["1L"] : [$"{value}L + 1", $"{value - 1}L"],
        uint value => value == 0 ? ["1u"] : [$"{value - 1}u"],
        ulong value => value == 0 ? ["1ul"] : [$"{value - 1}ul"],
        double value => value == 0 ? ["1.0"] : [$"({token.Text} * 2)", $"({token.Text} / 2)"],
        _ => [],
    };

    // A condition that is itself a comparison or a combination is changed at its operator.
    private ExpressionSyntax Condition(ExpressionSyntax original, ExpressionSyntax visited)
    {
        if (!Declares(original))
        {
            return IsSimple(original) ? visited : (ExpressionSyntax)Flip(original, visited, "negation");
        }

        // Variables that the condition declares must stay assigned: after "is", where it holds; after "is not" or "!", where it does not.
        var holds = !IsNegative(original);
        if (Add(original, holds ? "false" : "true", "negation") is not { } id)
        {
            return visited;
        }

        return Parse(holds ? $"(({visited}) && !{MutantSwitch.Test(id)})" : $"(({visited}) || {MutantSwitch.Test(id)})", original);

        static bool IsNegative(ExpressionSyntax node) => node switch
        {
            ParenthesizedExpressionSyntax inner => IsNegative(inner.Expression),
            PrefixUnaryExpressionSyntax => true,
            IsPatternExpressionSyntax pattern => pattern.Pattern is UnaryPatternSyntax,
            BinaryExpressionSyntax binary => binary.IsKind(SyntaxKind.LogicalOrExpression),
            _ => false,
        };
    }

    private ExpressionSyntax Result(ExpressionSyntax original, ExpressionSyntax visited) =>
        original is ThrowExpressionSyntax or RefExpressionSyntax or LiteralExpressionSyntax or AssignmentExpressionSyntax
            || IsSimple(original) && original is not BinaryExpressionSyntax { OperatorToken.Text: not ("==" or "!=" or "<" or ">" or "<=" or ">=" or "&&" or "||") }
            ? visited
            : (ExpressionSyntax)Choose(original, visited, Declares(original) ? $"global::MutantSwitch.M.Default({original})" : "default!", "result");

    private SyntaxNode Choose(SyntaxNode original, SyntaxNode visited, string other, string kind) =>
        Add(original, other, kind) is { } id ? Parse($"({MutantSwitch.Test(id)} ? {other} : {visited})", original) : visited;

    private SyntaxNode Flip(SyntaxNode original, SyntaxNode visited, string kind) =>
        Add(original, $"!({original})", kind) is { } id ? Parse($"({MutantSwitch.Test(id)} ^ {Operand(visited)})", original) : visited;

    private static string Operand(SyntaxNode node) => node is LiteralExpressionSyntax ? node.ToString() : $"({node})";

    private StatementSyntax Remove(SyntaxNode original, StatementSyntax visited) =>
        Add(original, "", "removal") is { } id
            ? SyntaxFactory.ParseStatement($"if (!{MutantSwitch.Test(id)}) {{ {visited.ToString()} }}\n")
            : visited;

    private int? Add(SyntaxNode original, string other, string kind)
    {
        var id = _mutants.Count + 1;
        var line = original.SyntaxTree.GetLineSpan(original.Span).StartLinePosition.Line + 1;
        _mutants.Add(new Mutant(id, _file, line, kind, Short($"{original} -> {other}")));
        return _excluded.Contains(id) ? null : id;
    }

    private static ExpressionSyntax Parse(string text, SyntaxNode original) =>
        SyntaxFactory.ParseExpression(text).WithLeadingTrivia(SyntaxFactory.Space).WithTrailingTrivia(original.GetTrailingTrivia());

    private static string Short(string text) => string.Join(' ', text.Split([' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
}
