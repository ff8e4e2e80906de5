"""Words that name no person: anatomy as TG-263 writes it, targets, sides, margins, phases and what is drawn beside."""

from __future__ import annotations

# The parts of the primary names of AAPM TG-263 (Mayo 2018), in lower case, and the same organs in plain English.
_ANATOMY = """
a abdomen abdominal abdomn act adrenal adrenals airway anal anus aorta aortic appendix arm arms artery arteries
ascending atrium ax axilla axillary azygos bag base bile bladder bodies body bolus bone bones bony bowel brachial
brachialplex brachialplexs brachioceph brachiocephls brain brainstem breast breasts bronch bronchi bronchial
bronchialtree bronchus bulb canal carina carotid cartilage cartlg cauda cava cavernosum cavity celiac cerebellum
cerebrum cervical cervix chest chestwall chiasm chiasma cist clavicle clavicles cn cochlea colon common concha
constrict constrictor cord core cornea coronary cortex costal cribriform cricoid cricopharyngeus decending dens
descending diaphragm digastric disc dist distal duct duodenum dura ear elbow equina esoph esophageal esophagus ethmoid
external externals eye eyes face fat femoral femur femurs fibula fibrosis fossa frontal gallbladder genitals gland
glands glnd glottis great greatves hard hardpalate heart hemisphere hemispheres hepatic hepatis hilar hilum hip hips
hippocampi hippocampus humerus hyoid hypophysis hypothalamus hypothalmus ileum iliac ilium imn incus inguinal
inguinofem intercostal intern internal intestine ischium jaw jejunum joint jugular kidney kidneys lacrimal lad
laryngeal laryngl larynx lca leads leg legs lens lenses leber lig ligament lip lips liver lll llobe ln lobe lobes lul
lumbar lung lungs lymph lymphnode lymphnodes lymphs main malleus mandible mandibula marrow masseter mastoid
maxilla maxilry mediastin mediastinal mediastinals mediastinum mesenteric middle mouth mucosa mrv musc muscle muscles
myelon myocardium nasal nasopharynx neck neckline nerve nerves node nodal nodes nose nrv obturator occipital oesoph
oesophagus ophthalmic optic opticchiasm opticnrv oral orbit orbits organ organs oropharynx ovaries ovary palate
palatine pancreas pancjejuno paraaortic parametrium parasternal parenchyma parietal parotid parotids patient pbt
pelvic pelvis penile penis pericardial pericardium perineum peripheral peritoneum pharynx pharyngeal pineal pituitary
plate platysma pleura pleural plex plexus plexs pons pontine porta portal posterior presacral prostate prostatic
proximal pterygoid pubic pulm pulmonary pylorus rca rectal rectum renal retina retrophar rib ribs rll rm rml
rul sacral sacrum scalp scapula scapulae scar sclav sclmast scrotum seminal seminalves septum shaft shoulder sigmoid
sinus skin skull small spc sphenoid sphincter spinal spinalcanal spinalcord spine spleen splenic
spongiosum station stapes sternal sternum stomach strct subcarinal subclavian subclavicular subling submand submandib
submandibular supraclav supraclavicular suprasellar surgical svc ivc symphys symphysis sys temporal testis testes
thecal thecalsac thoracic thorax thyroid tissue tmj tongue trachea tracheal tree trunk ureter urethra uterus v vagina
valve vascular vb vc vein veins vena venacava ventricle ventricles ventricular vertebra vertebrae vertebral ves vessel
vessels vocal vomer vulva wall zygomatic
"""
_TARGETS = """
bed boost carcinoma ctv ctvn ctvnd ctvp gross gtv gtvb gtvm gtvn gtvnd gtvp ictv igtv igtvn igtvp infiltrate involved
itv itvn itvp lesion lesions lns mass masses met metastases metastasis mets multifocal neoplasm nodule nodules prim
primary prv ptv ptvn ptvnd ptvp recurrence recurrent residual tb tumor tumorbed tumors tumour tumours tv uninvolved
volume volumes target targets
"""
_SIDES = """
ant anterior bilat bilateral both bot bottom caudal central centre center contra contralat contralateral cranial dex
down dx half high hot in inf inferior inner int ipsi ipsilat ipsilateral l lat lateral left level links low lower lt
med medial mid near n out outer p part partial post prox r rechts right rt side sin sup superior surf surface sx top
total up upper whole all
"""
_MARGINS = """
air and annulus around artefact artefacts artifact artifacts avg average ave avoid avoidance block border borders box
cc cgy clip clips clipped cm cm2 cm3 combined combo contrast copy couch crop cropped cut density dens dose edge eval
evaluation excl excluding exp expand expanded expansion ex ext extern extended extension extra gy hd help helper high
hull implant incl including inverse inter inv isodose line local margin max mean median metal min minus mm mod modified
non no normal not of off opt optimisation optimization optimized or over overlap overlapping override plus pct percent
pacemaker port prosthesis ring rings shell smooth smoothed smooths spare sparing stent sub sum support table total
trimmed tuning union water wire wires with without wo
"""
_PHASES = """
adapted adaptive after auto automatic baseline before bh breath breathing c cb cbct course ct d day dibh dl draft end ex
exhale exhalation expiration fb fdg final first followup fraction free frac fu fused fusion fx gated gating hold hu in
inhale inhalation initial insp inspiration kv last late manual max mip minip miproi mr mri mv new old one orig original
pet ph phase plan planned planning pre preop postop pretreatment ref reference replan rescan rigid scan second sim
suv t t1 t2 third three treatment two uncorrected unified version w week
"""
_DRAWN = """
bb bbs contour contours fiducial fiducials group iso isocenter isocentre label mask marker markers point points poi
region regions seed seeds segment segments segmentation set structure structures surface test tool
"""
_ROMAN = "i ii iii iv ix vi vii viii xi xii ia ib iia iib va vb"

WORDS = frozenset(f"{_ANATOMY} {_TARGETS} {_SIDES} {_MARGINS} {_PHASES} {_DRAWN} {_ROMAN}".split())
# In names of files, which are never kept, the kinds of objects and formats too.
_FILES = """
absent clinical csv data dcm dicom dicomdir dir dose export fl gz ge im ima image images img import json mha mhd more
nhdr nifti nii nrrd object plan pt rd record records reg rp rs rt rtdose rtplan rtrecord rtss rtstruct scan scans se seg
series set slice slices ss struct study upload uploads volume x yaml zip
"""
FILE_WORDS = WORDS | frozenset(_FILES.split())
