"""A person's year as it is lived: what she dials and reads, what she pays, and what she is sent, day by day."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from gateway.french import long_date
from sandbox_operator import actions
from sandbox_operator.model import UnaskedPayment
from tests.stories import answer
from tests.world import World


@dataclass
class Teller:
    """One telephone whose year is written down; ``lines`` is what was told so far."""

    world: World
    msisdn: str
    lines: list[str] = field(default_factory=list)
    dialogues: int = 0
    received: int = 0

    async def on(self, day: date) -> None:
        """Let the days pass one by one until this one, at nine in the morning, and the jobs with them."""
        while self.world.clock.now().date() < day:
            following = self.world.clock.now().date() + timedelta(days=1)
            self.world.clock.moment = datetime(following.year, following.month, following.day, 9, 0, tzinfo=UTC)
            await self.world.work()
            await self._read(following)
        self.lines += ["", f"== {long_date(day)}"]

    async def dial(self, *typed: str) -> str:
        """Dial and type; every screen is written down."""
        self.dialogues += 1
        session, transcript = f"Y{self.dialogues}", ""
        shown = await self._turn(session, transcript)
        for text in typed:
            transcript = f"{transcript}*{text}" if transcript else text
            self.lines.append(f"> {text}")
            shown = await self._turn(session, transcript)
        self.world.clock.forward(seconds=30)
        await self.world.work()
        await self._read(self.world.clock.now().date())
        return shown

    async def approve(self) -> None:
        """Enter the secret code on the phone, and let the answer come back."""
        prompt = next(one for one in self.world.prompts() if one.payer == self.msisdn)
        self.lines.append(f"(code secret saisi : {prompt.amount_xof} F)")
        answer(self.world, prompt)
        await self._settle()

    async def pay_at_shop(self, amount_xof: int) -> None:
        """Pay by the merchant's code, without dialling."""
        self.lines.append(f"(payé par le code marchand : {amount_xof} F)")
        payment = UnaskedPayment(payer_msisdn=self.msisdn, amount_xof=amount_xof)
        actions.pay_unasked(self.world.operator, payment, self.world.clock.now())
        await self._settle()

    async def _settle(self) -> None:
        await self.world.deliver()
        await self.world.work()
        await self._read(self.world.clock.now().date())

    async def _turn(self, session: str, transcript: str) -> str:
        self.world.clock.forward(seconds=5)
        shown = await self.world.dial(self.msisdn, session, transcript)
        self.lines += [f"< {line}" for line in shown.removeprefix("CON ").removeprefix("END ").splitlines()]
        return shown

    async def _read(self, day: date) -> None:
        texts = await self.world.texts_to(self.msisdn)
        for body in texts[self.received :]:
            self.lines.append(f"SMS du {day:%d/%m/%Y} : {body}")
        self.received = len(texts)
