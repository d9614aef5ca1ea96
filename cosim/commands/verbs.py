"""Groups of verbs that answer an unknown name with the best matches."""

from __future__ import annotations

import click

from cosim.errors import ConfigError, best_matches


class Verbs(click.Group):
    """A group that raises :class:`~cosim.errors.ConfigError` for a name it does not know."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise ConfigError(
                thing=f"`{ctx.command_path}` has no verb of that name",
                value=args[0][:40],
                next_step=best_matches(args[0], self.list_commands(ctx)),
            )
        return super().resolve_command(ctx, args)
