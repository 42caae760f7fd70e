"""All hand-made files that try to exhaust, hang or mislead a reader, by name. Each module of bombs holds one kind."""

from bombs_of_archives import ARCHIVE_BOMBS
from bombs_of_data import DATA_BOMBS
from bombs_of_images import IMAGE_BOMBS
from bombs_of_runs import RUN_BOMBS
from bombs_of_settings import SETTINGS_BOMBS
from powder import Bomb

BOMBS: dict[str, Bomb] = {**DATA_BOMBS, **ARCHIVE_BOMBS, **IMAGE_BOMBS, **SETTINGS_BOMBS, **RUN_BOMBS}
