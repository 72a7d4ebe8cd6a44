"""`dancenet music`: what is heard in a song?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from dancenet.commands.base import Command
from dancenet.console import Console


@dataclass(frozen=True, kw_only=True)
class MusicHeard(Command):
    """Show and sound what is heard in a song: beats, bars, tempo, onsets, loudness, sections.

    Details:
      Reads any audio or video file that FFmpeg reads. The plot has the whole piece and its liveliest ten
      seconds from close by. --click writes the music with a click on every beat, higher on downbeats,
      and a rustle where a section begins: the surest way to judge the beats. Where no beat can be followed,
      as in speech or silence, a steady tempo stands in, and a warning says so.

    Examples:
      dancenet music song.mp3 --out song.png
      dancenet music song.mp3 --out song.png --click song-clicks.wav
      dancenet music clip.mp4 --out clip.png --tracker librosa
    """

    song: Annotated[
        Path, tyro.conf.Positional, tyro.conf.arg(metavar="SONG", help="Music, or a video with sound.")
    ]
    out: Annotated[Path, tyro.conf.arg(metavar="PLOT.png", help="The plot to write (.png, .svg or .pdf).")]
    click: Annotated[Path | None, tyro.conf.arg(metavar="FILE.wav")] = None
    """Also write the music with clicks on its beats."""
    tracker: Literal["scipy", "librosa"] = "scipy"
    """What finds the beats: the built-in tracker, or librosa's (pip install 'dancenet[audio]')."""

    def execute(self, console: Console) -> None:
        """Listen, draw, click."""
        from dancenet import music
        from dancenet.pages import music_sheet

        music_sheet.check_names(self.out, self.click, self.song)
        samples = music.read_sound(self.song)
        heard = music.hear(samples, self.tracker)
        told = music_sheet.summary(heard)
        (console.warn if heard.steady else console.say)(told)
        music_sheet.draw(self.out, samples, heard, self.song.name)
        console.result(self.out)
        if self.click is not None:
            music_sheet.write_wav(self.click, music_sheet.with_clicks(samples, heard))
            console.result(self.click)
